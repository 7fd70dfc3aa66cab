"""What Lambda's runtime does inside the sandbox: import the handler, call it, hand back its result.

Standard library only, but for boto3, which every function imports first. Started by `twin.functions.sandboxes` as `python -P
runtime.py FD`: a process that has boto3 loaded, soon with what it knows of services, and forks for each call that arrives on the
socket FD. The fork has the environment, the log and the working directory of that call alone. Standard output and standard error
are the log.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final, NoReturn

CALLS_BEFORE: Final = 2  # descriptions are read: a twin of few calls does without
SERVICES: Final = ("cloudwatch", "dynamodb", "events", "s3", "sagemaker", "sns", "ssm", "stepfunctions")  # of functions


class Context:
    """The second argument of a handler."""

    def __init__(self) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.invoked_function_arn = os.environ["TWIN_FUNCTION_ARN"]
        self.aws_request_id = os.environ["TWIN_REQUEST_ID"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = time.monotonic() + float(os.environ["TWIN_TIMEOUT_SECONDS"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def serve(control: socket.socket) -> None:
    """Fork for every connection that is handed over; ends when the other side is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors
    calls = 0
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            supervise(socket.socket(fileno=descriptors[0]))
        os.close(descriptors[0])
        calls += 1
        if calls == CALLS_BEFORE:
            read_descriptions()


def share_descriptions() -> None:
    """Let botocore's loaders of the same folders remember together: each session reads megabytes about services anew otherwise."""
    from botocore.loaders import Loader

    begin, read = Loader.__init__, dict[Any, dict[Any, Any]]()

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        self._cache = read.setdefault((type(self), *self.search_paths), {})  # moto's own has descriptions of its own

    Loader.__init__ = init


def read_descriptions() -> None:
    """Have the forks find them; what is here stays in memory that all of them share."""
    import boto3

    session = boto3.Session("nobody", "nothing", region_name="eu-west-1")  # keys are not looked for
    for service in SERVICES:
        session.client(service)
    gc.collect()
    gc.freeze()


def supervise(connection: socket.socket) -> NoReturn:
    """Run one call in a process of its own; tells the process group first and the exit status last."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    request = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
    connection.sendall(f"{os.getpid()}\n".encode())
    worker = os.fork()
    if worker == 0:
        connection.close()
        os._exit(work(request))
    _, status = os.waitpid(worker, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def work(request: dict[str, Any]) -> int:
    """Put on the call's environment, then run it."""
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.dont_write_bytecode = True
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        return main(request["outcome"], json.loads(Path(request["event"]).read_bytes()))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def main(result_file: str, event: Any) -> int:
    """Run one invocation; the exit status is 0 when the handler returned."""
    root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.insert(0, root)
    os.chdir(root)
    logging.basicConfig(format="[%(levelname)s]\t%(name)s\t%(message)s", stream=sys.stderr)
    outcome: dict[str, Any]
    try:
        module, _, function = os.environ["_HANDLER"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), function)
        outcome = {"result": handler(event, Context())}
        text = json.dumps(outcome)
    except BaseException as error:  # noqa: BLE001  whatever the function raises is its answer, as in Lambda
        traceback.print_exc()
        outcome = {
            "error": {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "stackTrace": traceback.format_tb(error.__traceback__),
            }
        }
        text = json.dumps(outcome)
    Path(result_file).write_text(text)
    return 1 if "error" in outcome else 0


if __name__ == "__main__":
    importlib.import_module("boto3")  # every function's first import, paid once
    share_descriptions()
    serve(socket.socket(fileno=int(sys.argv[1])))
