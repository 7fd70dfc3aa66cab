"""What Lambda's runtime does inside the sandbox: import the handler, call it, hand back its result. Standard library only.

Started by `twin.functions` in a process of its own: `python lambda_runtime.py RESULT_FILE`, the event on standard input.
Standard output and standard error are the function's log.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any


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


def main(result_file: str) -> int:
    """Run one invocation; the exit status is 0 when the handler returned."""
    root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.insert(0, root)
    os.chdir(root)
    logging.basicConfig(format="[%(levelname)s]\t%(name)s\t%(message)s", stream=sys.stderr)
    outcome: dict[str, Any]
    try:
        module, _, function = os.environ["_HANDLER"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), function)
        outcome = {"result": handler(json.load(sys.stdin), Context())}
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
    sys.exit(main(sys.argv[1]))
