"""A step of the image's build: takes out of the installed packages what no run opens, and compiles what is left.

Compiled modules say nothing of their sources' times (unchecked hashes): every build writes the same bytes, and no start compiles
anything, though the base carries no compiled module, the file system may be read-only, and files may have been laid anew.
"""

from __future__ import annotations

import argparse
import compileall
import filecmp
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

# tests, headers, stubs and examples of every package
UNUSED_ANYWHERE = ("tests", "*.pyi", "*.pxd", "*.pyx", "*.pxi", "*.h", "*.hpp", "*.a", "examples-1.json*")
# of Arrow: what compiles against it, remote file systems and protocols, ORC, second copies of a library under other names
UNUSED = {
    "pyarrow": (
        *("include", "includes", "src"),
        *("libarrow_flight.*", "libarrow_python_flight.*", "_flight.*", "flight.py"),
        *("libarrow_s3.*", "_s3fs.*", "_azurefs.*", "_gcsfs.*", "_hdfs.*"),
        *("_orc.*", "_dataset_orc.*", "orc.py", "_pyarrow_cpp_tests.*"),
        *("libarrow_python.so", "libarrow_python.so.*.*"),
        *("libarrow_python_parquet_encryption.so", "libarrow_python_parquet_encryption.so.*.*"),
    ),
}
STRIPPED = (
    "numpy",
    "pyarrow",
    "scipy",
)  # not what stands beside them in X.libs: strip breaks libraries that were patched
# never imported by a run; whoever does import one waits for it to be compiled
UNCOMPILED = re.compile(
    r"/(lib2to3|idlelib|turtledemo|tkinter|ensurepip|pydoc_data|config-3[^/]*|site-packages/(pip|setuptools|pkg_resources|wheel|_distutils_hack))/"
    r"|/scipy/(cluster|datasets|differentiate|fft|fftpack|integrate|interpolate|io|misc|ndimage|odr|optimize|signal|stats)/"
    r"|/numpy/(distutils|f2py)/|/pygments/(lexers|styles)/"
)


def main() -> None:
    """`tidy.py ROOT`: packages below ROOT/lib, which will lie in /usr/local/lib, and the standard library's compiled modules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="folder that will be laid over --target")
    parser.add_argument("--target", default="/usr/local", help="where modules will lie, as their tracebacks say")
    parser.add_argument("--application", action="store_true", help="modules of our own: compile, nothing else")
    options = parser.parse_args()
    if not options.application:
        shutil.rmtree(options.root / "bin", ignore_errors=True)  # commands of packages
        for packages in options.root.glob("lib/python3*/site-packages"):
            remove(packages)
            strip(packages)
            share(packages)
        compile_library(options.root)
    compile_all(options.root, options.root, options.target)
    for path in [options.root, *options.root.rglob("*")]:
        os.utime(path, (0, 0), follow_symlinks=False)


def remove(packages: Path) -> None:
    """Take out what no run opens."""
    for path in unused(packages):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def unused(packages: Path) -> list[Path]:
    """What goes, without what lies in a folder that goes. Raises: SystemExit when a pattern finds nothing any more."""
    found: set[Path] = set()
    for package, patterns in UNUSED.items():
        for pattern in patterns:
            paths = set((packages / package).glob(pattern))
            if not paths:
                raise SystemExit(f"tidy.py: {package}/{pattern} is not there; look what the new version has instead.")
            found |= paths
    for pattern in UNUSED_ANYWHERE:
        found |= set(packages.rglob(pattern))
    for service in (packages / "botocore/data").glob("*/"):  # each in versions, of which the last is used
        found |= set(sorted(service.glob("*/"))[:-1])
    return sorted(path for path in found if found.isdisjoint(path.parents))


def strip(packages: Path) -> None:
    """Take the names of inner functions out of libraries, where the compiler's tools are."""
    command = shutil.which("strip")
    if command is not None:
        for path in libraries(packages / name for name in STRIPPED):
            subprocess.run([command, "--strip-unneeded", str(path)], check=True)


def share(packages: Path) -> None:
    """One file where two packages brought the same library."""
    seen: dict[str, Path] = {}
    for path in libraries(sorted(packages.glob("*.libs"))):
        first = seen.setdefault(path.name, path)
        if first is not path and filecmp.cmp(first, path, shallow=False):
            path.unlink()
            path.symlink_to(os.path.relpath(first, path.parent))


def libraries(folders: Iterable[Path]) -> Iterator[Path]:
    """Compiled modules and libraries."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*.so*")) if path.is_file() and not path.is_symlink())


def compile_library(root: Path) -> None:
    """The standard library's modules, which lie in the base, compiled for its folder below root."""
    source = Path(sysconfig.get_path("stdlib"))
    target = root / "lib" / source.name
    compile_all(source, Path("/"), "/")
    for path in sorted(source.rglob("*.pyc")):
        if "site-packages" not in path.parts:
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.relative_to(source))


def compile_all(folder: Path, root: Path, target: str) -> None:
    """Every module below a folder that will lie in `target` instead of `root`."""
    compileall.compile_dir(
        folder,
        maxlevels=50,
        quiet=1,
        rx=UNCOMPILED,
        stripdir=str(root),
        prependdir=target,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    main()
