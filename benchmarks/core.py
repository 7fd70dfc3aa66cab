"""The laptop's front door for the benchmarks; `--until-first-byte` ends the process when the first capture byte is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "monitor_image"))

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "--until-first-byte":
        arguments = arguments[1:]

        def stop_at_capture(event: str, details: tuple[object, ...]) -> None:
            """Audit hook: opening the first capture file ends the process at once."""
            if event == "open" and str(details[0]).endswith(".jsonl"):
                os._exit(0)

        sys.addaudithook(stop_at_capture)
    from model_monitor.cli import main

    sys.exit(main(arguments))
