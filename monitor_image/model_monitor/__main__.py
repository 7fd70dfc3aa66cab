"""`python -m model_monitor`: the container's entry point without arguments, the laptop's command with some."""

from __future__ import annotations

import sys

from model_monitor import threads


def main() -> int:
    """Choose the front door; each is imported only when it is used."""
    threads.limit()
    if len(sys.argv) > 1:
        from model_monitor import cli

        return cli.main()
    from model_monitor import container

    return container.main()


if __name__ == "__main__":
    sys.exit(main())
