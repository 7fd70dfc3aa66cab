"""`python -m model_monitor`: the container's entry point without arguments or with a rehearsal's, a Lambda function's where the
service says so, else the laptop's command."""

from __future__ import annotations

import os
import sys

from model_monitor.collection import paused
from model_monitor.contract import ENABLED, REHEARSAL_ARGUMENT, RUNTIME_API, Variable
from model_monitor.runners import stopping, threads


def main() -> int:
    """Choose the front door; each is imported only when it is used."""
    threads.limit()
    is_rehearsal = sys.argv[1:] == [REHEARSAL_ARGUMENT]  # as a schedule's container arguments
    if len(sys.argv) > 1 and not is_rehearsal:
        from model_monitor import cli

        return cli.main()
    stopping.remember()  # from here on, since importing what follows takes most of a small window's time
    if RUNTIME_API in os.environ:
        with paused():
            from model_monitor import function

        return function.main()
    with paused():
        from model_monitor import container

    return container.main(os.environ | {Variable.REHEARSAL: ENABLED} if is_rehearsal else os.environ)


if __name__ == "__main__":
    sys.exit(main())
