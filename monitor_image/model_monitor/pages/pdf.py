"""report.pdf: the page as its own print style lays it out, printed by a browser that this machine has.

On request alone: no run and no image carries a browser, and the charts need none. Libraries that print pages without one were
tried: they leave the charts' colours or the columns out, and a second drawing of the report would have to be kept like the first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from model_monitor.errors import SettingsError
from model_monitor.outputs import files
from model_monitor.pages import report

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "msedge")
APPLICATIONS: Final = (  # where macOS has them, which are on no path
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
FLAGS: Final = ("--headless", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")
SECONDS: Final = 120
HINT: Final = "Install Chromium or Chrome, or open report.html in any browser and print it."


def write(path: Path, target: Path) -> Path:
    """Print a report; where the file is. Raises: SettingsError where it is none or nothing can print, OutputError."""
    return files.write_bytes(target, printed(report.page_of(path)))


def printed(page: str) -> bytes:
    """A page on paper. Raises: SettingsError where no browser is, or it does not print."""
    browser = find()
    if browser is None:
        raise SettingsError("--pdf", "needs a browser of Chromium's family, and none was found.", HINT)
    with tempfile.TemporaryDirectory(prefix="model-monitor-pdf-") as name:
        folder = Path(name)
        source, made = folder / "report.html", folder / "report.pdf"
        source.write_bytes(page.encode("utf-8", "replace"))
        command = [browser, *FLAGS, *_sandbox(), f"--user-data-dir={folder / 'profile'}", "--no-pdf-header-footer"]
        try:
            subprocess.run(
                [*command, f"--print-to-pdf={made}", source.as_uri()], check=True, capture_output=True, timeout=SECONDS
            )
            return made.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            what = f"{Path(browser).name} did not print the page ({type(error).__name__})."
            raise SettingsError("--pdf", what, HINT) from None


def find() -> str | None:
    """The first browser that this machine has."""
    on_path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    return on_path or next((place for place in APPLICATIONS if Path(place).is_file()), None)


def _sandbox() -> list[str]:
    """Chromium does not start as root with its sandbox; what it opens is a page of ours, which runs no script."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
