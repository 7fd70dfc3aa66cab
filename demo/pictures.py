"""`python -m demo.pictures`: the demo's pages as pictures for the documentation, taken by a headless Chromium.

Pages are drawn anew of a copy of the reports, so that what the demo left stays as it is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from demo.__main__ import DEFAULT_OUTPUT, ROOT
from model_monitor.api import draw_index
from model_monitor.contract import INDEX_PAGE, REPORT_FILE, REPORT_PAGE

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
DARK = "--blink-settings=preferredColorScheme=0"
MOST_BYTES = 150_000
SECONDS = 120


@dataclass(frozen=True)
class Picture:
    """One page. width, height: of what is seen of it, in pixels."""

    name: str
    page: str
    width: int
    height: int
    is_dark: bool = False


PICTURES = (
    Picture("fleet", INDEX_PAGE, 900, 560),
    Picture("over-time", "schedules/covertype-loop.html", 900, 880),
    Picture("over-time-dark", "schedules/covertype-loop.html", 500, 900, is_dark=True),
    Picture("window", f"covertype/covertype-loop/2026/03/02/11/{REPORT_PAGE}", 800, 700),
)


def main(arguments: list[str] | None = None) -> int:
    """Take them all; status 1 where the reports or a browser are missing, or a picture is too large."""
    parser = argparse.ArgumentParser(prog="python -m demo.pictures", description=__doc__)
    parser.add_argument("--reports", type=Path, default=DEFAULT_OUTPUT / "reports", help="what the demo left")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "pictures", help="where pictures go")
    options = parser.parse_args(arguments)
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return _fail(f"none of {', '.join(BROWSERS)} was found: install one of them")
    if not list(options.reports.rglob(REPORT_FILE)):
        return _fail(f"{options.reports} holds no reports: run make demo first")
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        pages = Path(folder) / "reports"
        shutil.copytree(options.reports, pages, ignore=shutil.ignore_patterns("*.html", "history"))
        draw_index(pages)
        taken = [_take(browser, picture, pages, options.output) for picture in PICTURES]
    large = [path.name for path in taken if path.stat().st_size > MOST_BYTES]
    return _fail(f"larger than {MOST_BYTES:,} bytes: {', '.join(large)}") if large else 0


def _take(browser: str, picture: Picture, pages: Path, output: Path) -> Path:
    """One picture, by a browser that knows nobody."""
    target = output / f"{picture.name}.png"
    with tempfile.TemporaryDirectory(prefix="browser-") as profile:
        flags = [*FLAGS, "--hide-scrollbars", f"--user-data-dir={profile}", *([DARK] if picture.is_dark else [])]
        size = f"--window-size={picture.width},{picture.height}"
        page = (pages / picture.page).as_uri()
        subprocess.run(
            [browser, *flags, size, f"--screenshot={target}", page], check=True, capture_output=True, timeout=SECONDS
        )
    print(target)
    return target


def _fail(why: str) -> int:
    print(f"pictures: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
