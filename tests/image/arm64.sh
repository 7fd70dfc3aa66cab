#!/usr/bin/env bash
# What the image holds, for linux/arm64, made on a machine of another processor without running any of it:
#   tests/image/arm64.sh FOLDER      FOLDER: the file system, 1 GB; needs root, debootstrap and g++-aarch64-linux-gnu
# Debian's CPython 3.11, the wheels of the image's lock, and the reader by the flags of monitor_image/native/setup.py.
set -euo pipefail
root=$1 here=$(cd "$(dirname "$0")/../.." && pwd)
reader=$root/opt/site/model_monitor_native.abi3.so
[ ! -e "$reader" ] || exit 0
rm -rf "$root" "$root.debs"
mkdir -p "$root"/usr/{bin,sbin,lib} "$root"/{proc,dev,tmp,opt/site}
for folder in bin sbin lib; do ln -s "usr/$folder" "$root/$folder"; done

debootstrap --arch=arm64 --foreign --variant=minbase --include=ca-certificates,netbase,tzdata,python3.11,libpython3.11-dev \
  bookworm "$root.debs" >"$root.log"
for package in "$root.debs"/var/cache/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -C "$root" --keep-directory-symlink -xf -
done
rm -rf "$root.debs"

"$here/.venv/bin/uv" pip install --quiet --no-deps --only-binary :all: --require-hashes --target "$root/opt/site" \
  --python-version 3.11 --python-platform aarch64-unknown-linux-gnu -r "$here/monitor_image/requirements.txt"

cd "$here/monitor_image/native"
digest=$(python3 -c '
import hashlib, pathlib
content = hashlib.sha256()
for path in sorted(pathlib.Path("src").iterdir()):
    content.update(path.as_posix().encode() + b"\0" + path.read_bytes())
print(content.hexdigest())')
aarch64-linux-gnu-g++ -std=c++17 -O3 -g0 -fvisibility=hidden -ffp-contract=off -fPIC -shared \
  -DPy_LIMITED_API=0x030B0000 "-DMONITOR_SOURCES=\"$digest\"" -I"$root/usr/include/python3.11" -I"$root/usr/include" \
  src/*.cpp -o "$reader"
