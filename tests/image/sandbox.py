"""The built image as a file system under bubblewrap, as SageMaker or Lambda starts it; no container engine is needed.

bubblewrap knows no images: entry point, variables and folder come from the image's configuration. The root is read-only, /tmp is
new, and there is no network but where a test asks for this machine's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BASE = "docker.io/library/python:3.11-slim-trixie"
NAME = "localhost/model-monitor:test"
NO_SHARED_MEMORY = [
    *("--tmpfs", "/dev"),
    *(word for name in ("null", "zero", "urandom") for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")),
]
ANOTHER_USER = [
    *("setpriv", "--reuid", "12345", "--regid", "12345"),
    *("--clear-groups", "--bounding-set=-all", "--no-new-privs"),
]


@dataclass(frozen=True)
class Store:
    """Images of a storage of their own, below a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = (f'graphroot = "{self.folder}/storage"', f'runroot = "{self.folder}/runroot"')
        self._settings.write_text("\n".join(['[storage]\ndriver = "vfs"', *lines, ""]))  # needs no right to mount
        (self.folder / "pip.conf").write_text("[global]\ncert = /etc/ssl/certs/build.crt\ntimeout = 180\n")

    @property
    def _settings(self) -> Path:
        return self.folder / "storage.conf"

    def run(self, *command: str | Path) -> str:
        """Output of a command that sees this storage; the end of what it said where it fails."""
        environment = os.environ | {"CONTAINERS_STORAGE_CONF": str(self._settings)}
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def build(self, name: str = NAME, **settings: str) -> None:
        """Build by the command that `make image` runs, with what this machine needs to reach PyPI."""
        certificates = os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt")
        mounts = [
            *("-v", f"{self.folder}/pip.conf:/etc/pip.conf:ro"),
            *("-v", f"{certificates}:/etc/ssl/certs/build.crt:ro"),
        ]
        given = [f"{key}={value}" for key, value in {"BUILDER": "buildah", "BASE": BASE, **settings}.items()]
        script = ROOT / "monitor_image/build.sh"
        self.run("env", *given, script, name, "--network", "host", "--pull-never", "--no-cache", *mounts)

    def inspect(self, name: str, form: str) -> str:
        """One fact of an image."""
        return self.run("buildah", "inspect", "--type", "image", "--format", form, name).strip()

    def size(self, name: str) -> int:
        """Bytes of an image's layers."""
        (found,) = json.loads(self.run("buildah", "images", "--json", name))
        number, unit = found["size"].split()
        return round(float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])

    def unpack(self, name: str, target: Path) -> Image:
        """The image's file system in a folder, with the mount points that an engine makes."""
        made = self.run("buildah", "from", "--pull-never", name).strip()
        try:
            shutil.rmtree(target, ignore_errors=True)
            self.run("cp", "-a", self.run("buildah", "mount", made).strip(), target)
        finally:
            self.run("buildah", "rm", made)
        (target / "opt/ml").mkdir(parents=True)
        return Image(target, json.loads(self.inspect(name, "{{json .OCIv1}}"))["config"])


@dataclass(frozen=True)
class Image:
    """A file system and what the image says of starting it."""

    root: Path
    configuration: Mapping[str, Any]

    @property
    def entry_point(self) -> list[str]:
        return [*self.configuration["Entrypoint"], *(self.configuration.get("Cmd") or [])]

    def command(
        self,
        ml: Path | None = None,
        variables: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        entry_point: Sequence[str] = (),
        *,
        network: bool = False,
    ) -> list[str]:
        """The command that starts it; with the network, variables are the caller's to set."""
        found = [
            *("bwrap", "--ro-bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc"),
            *("--tmpfs", "/tmp", "--chmod", "1777", "/tmp"),
            *(
                "--unshare-pid",
                "--as-pid-1",
                "--unshare-ipc",
                "--unshare-uts",
                "--hostname",
                "algo-1",
                "--die-with-parent",
            ),
            *([] if network else ["--unshare-net", "--clearenv"]),
            *(["--bind", str(ml), "/opt/ml"] if ml else []),
            *options,
            *("--chdir", self.configuration.get("WorkingDir") or "/"),
        ]
        own = dict(each.split("=", 1) for each in self.configuration["Env"])
        for name, value in {**own, **(variables or {})}.items():
            found += ["--setenv", name, value]
        return found + list(entry_point or self.entry_point)

    def run(self, *given: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        """To the end."""
        command = self.command(*given, **options)
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    def python(self, code: str) -> str:
        """What Python code says inside."""
        done = self.run(entry_point=["python3", "-c", code])
        return (done.stdout + done.stderr).strip()
