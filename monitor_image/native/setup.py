"""How the extension is compiled: every source of src/, once for all versions of Python from 3.11 on (abi3)."""

from __future__ import annotations

import atexit
import hashlib
import platform
import shutil
import tempfile
from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path(__file__).resolve().parent
# what every x86 server and laptop since 2010 has: bits are counted by one instruction instead of a function
PROCESSOR = ["-march=x86-64-v2"] if platform.machine().lower() in ("x86_64", "amd64") else []

# setuptools builds inside the source tree, where the image's hash and git would see it: elsewhere instead
scratch = tempfile.mkdtemp(prefix="model-monitor-native-")
atexit.register(shutil.rmtree, scratch, ignore_errors=True)


def files(pattern: str) -> list[str]:
    """Files of src/, relative as setuptools wants them, in one order on every machine."""
    return sorted(path.relative_to(NATIVE).as_posix() for path in NATIVE.glob(f"src/{pattern}"))


def digest() -> str:
    """Of all sources: an installed reader says which it was compiled from."""
    content = hashlib.sha256()
    for name in files("*"):
        content.update(name.encode() + b"\0" + (NATIVE / name).read_bytes())
    return content.hexdigest()


setup(
    ext_modules=[
        Extension(
            "model_monitor_native",
            files("*.cpp"),
            depends=files("*.hpp"),
            language="c++",
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", "0x030B0000"), ("MONITOR_SOURCES", f'"{digest()}"')],
            # floating point as written, never contracted: the same digits as Python's on every processor
            extra_compile_args=["-std=c++17", "-O3", "-g0", "-fvisibility=hidden", "-ffp-contract=off", *PROCESSOR],
        )
    ],
    options={
        "bdist_wheel": {"py_limited_api": "cp311"},
        "build": {"build_base": scratch},
        "egg_info": {"egg_base": scratch},
    },
)
