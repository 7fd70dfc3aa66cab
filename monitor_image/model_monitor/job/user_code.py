"""Python that a user brings: fetched, imported from its file, and its errors told without a record's values."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from model_monitor.aws import s3
from model_monitor.errors import MonitorError, ScriptError, SettingsError
from model_monitor.job import scratch
from model_monitor.job.job import MonitorSettings, Scripts

WORDS_MAX: Final = 300


def fetch(location: str, local: Callable[[str], Path] = Path) -> Path:
    """A script as a file of this machine: from S3, or where `local` says that its path lies.

    Raises: SettingsError when it is not there.
    """
    if not s3.is_s3(location):
        path = local(location)
        if not path.is_file():
            raise SettingsError(str(path), "is no file.", "Check the location of the script.")
        return path
    content = s3.read_object(location)
    if content is None:
        raise SettingsError(location, "is not there.", "Check the location of the script.")
    path = scratch.folder("script") / location.rpartition("/")[2]
    path.write_bytes(content)
    return path


def digest(path: Path) -> str:
    """sha256 of a script, for the provenance."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def import_file(path: Path) -> ModuleType:
    """The module of a .py file, under a name that no other module has."""
    name = f"_user_code_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    spec.loader.exec_module(module)
    return module


def load_function(path: Path, name: str) -> Callable[..., Any]:
    """A function of a script.

    Raises: ScriptError when the script cannot be imported, in its own words, since no record has been read by then.
    """
    try:
        module = import_file(path)
    except MonitorError:  # the job is being stopped
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: whatever it raises is the script's fault
        words = f"{described(error, str(path))}: {error}"[:WORDS_MAX]
        raise ScriptError(f"script {path.name} cannot be imported: {words}") from None
    function = getattr(module, name, None)
    if not callable(function):
        raise ScriptError(f"script {path.name}: has no function {name}.")
    found: Callable[..., Any] = function
    return found


def run_postprocessor(path: Path, defaults: Mapping[str, str]) -> None:
    """Call a script's `postprocess_handler()`; what it returns is ignored.

    defaults: environment variables that the script finds where the job does not set them.

    Raises: ScriptError.
    """
    try:
        with _environment(defaults):
            load_function(path, "postprocess_handler")()
    except MonitorError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: whatever it raises is the script's fault
        raise ScriptError(f"postprocessor failed: {described(error, str(path))}.") from None


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def described(error: BaseException, file: str | None = None) -> str:
    """Type and place of an error, never its words: these may hold a record's values.

    file: the place is the last one in this file, where the error passed through it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or frames
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name}" if own else ""
    return f"{type(error).__name__}{place}"


# --- what a job brings ---------------------------------------------------------------------------------------------------


def fetch_scripts(preprocessor: str | None, postprocessor: str | None, local: Callable[[str], Path] = Path) -> Scripts:
    """The scripts of a job, as files of this machine.

    Raises: SettingsError when one is not there.
    """
    return Scripts(
        fetch(preprocessor, local) if preprocessor else None,
        fetch(postprocessor, local) if postprocessor else None,
    )


def with_local_modules(
    monitors: tuple[MonitorSettings, ...], local: Callable[[str], Path] = Path
) -> tuple[MonitorSettings, ...]:
    """Monitors whose `module` is a file of this machine, where it is one and no importable name.

    A path that is not there stays: the monitor reports it. Raises: SettingsError when an object in S3 is not there.
    """
    return tuple(_with_local_module(settings, local) for settings in monitors)


def _with_local_module(settings: MonitorSettings, local: Callable[[str], Path]) -> MonitorSettings:
    module = settings.options.get("module")
    if not isinstance(module, str) or not module.endswith(".py"):
        return settings
    path = fetch(module) if s3.is_s3(module) else local(module)
    return replace(settings, options=settings.options | {"module": str(path)})


def digests(scripts: Scripts, monitors: tuple[MonitorSettings, ...]) -> dict[str, str]:
    """sha256 of each file of a user's code that a job runs, for its provenance."""
    files = {"preprocessor": scripts.preprocessor, "postprocessor": scripts.postprocessor}
    for settings in monitors:
        module = settings.options.get("module")
        if isinstance(module, str) and module.endswith(".py"):
            files["custom_metrics"] = Path(module)
    return {f"script:{name}": digest(path) for name, path in files.items() if path is not None and path.is_file()}
