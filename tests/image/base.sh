#!/usr/bin/env bash
# A stand-in for the official base, for machines that reach Debian's packages and PyPI but no container registry:
#   tests/image/base.sh FOLDER NAME      FOLDER: work and storage, 1 GB; needs root, buildah, debootstrap and bubblewrap
# Made after docker-library's Dockerfile of python:3.11-slim-trixie: Debian without documents, CPython 3.11 with its headers in
# /usr/local, neither tests nor compiled modules, pip, CMD ["python3"]. The interpreter is this machine's.
set -euo pipefail
work=$1 name=$2
certificates=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}
python=$("${PYTHON:-python3.11}" -c 'import sys; print(sys.base_prefix)')
buildah inspect --type image "$name" >/dev/null 2>&1 && exit
root=$work/base
rm -rf "$root"

libraries=libssl3t64,libffi8,libreadline8t64,libsqlite3-0,liblzma5,libbz2-1.0,zlib1g,libncursesw6,libuuid1,libexpat1
debootstrap --variant=minbase --include="ca-certificates,netbase,tzdata,$libraries" trixie "$root" >"$work/debootstrap.log"
rm -rf "$root"/var/cache/apt/{archives/*.deb,*.bin} "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/* "$root"/var/log/*.log

to=$root/usr/local
mkdir -p "$to"/{bin,lib/python3.11/site-packages,include}
cp -a "$python/bin/python3.11" "$to/bin/"
ln -sfn python3.11 "$to/bin/python3"
ln -sfn python3 "$to/bin/python"
cp -a "$python"/lib/libpython3*.so* "$to/lib/" 2>/dev/null || true
cp -a "$python/include/python3.11" "$to/include/"
tar -C "$python/lib/python3.11" --exclude=./site-packages --exclude='*.a' -cf - . | tar -C "$to/lib/python3.11" -xf -
find "$to" -depth \( -type d \( -name test -o -name tests -o -name idle_test -o -name __pycache__ \) -o -type f -name '*.py[co]' \) -exec rm -rf {} +
sed -i "s#$python#/usr/local#g" "$to"/lib/python3.11/_sysconfigdata_*.py
strip --strip-unneeded "$to/bin/python3.11" "$to"/lib/libpython3.11.so.1.0 "$to"/lib/python3.11/lib-dynload/*.so 2>/dev/null || true
chroot "$root" ldconfig

# with the network and the certificates of this machine, none of which stays
printf '[global]\ncert = /etc/ssl/certs/build.crt\ntimeout = 180\n' >"$work/pip.conf"
bwrap --bind "$root" / --dev /dev --proc /proc --tmpfs /tmp --ro-bind "$work/pip.conf" /etc/pip.conf --ro-bind "$certificates" /etc/ssl/certs/build.crt \
  --ro-bind /etc/resolv.conf /etc/resolv.conf --clearenv --setenv PATH /usr/local/bin:/usr/bin:/bin --setenv LANG C.UTF-8 --setenv PYTHONDONTWRITEBYTECODE 1 \
  sh -c 'python3 -m ensurepip >/dev/null 2>&1 && python3 -m pip install -q --no-cache-dir --no-compile --root-user-action=ignore pip==24.0 setuptools==79.0.1 "wheel<0.46"'
rm -f "$root"/etc/pip.conf "$root"/etc/ssl/certs/build.crt
: >"$root/etc/resolv.conf"

made=$(buildah from scratch)
tar -C "$root" --numeric-owner --exclude='./dev/*' -cf "$work/base.tar" .
buildah add -q "$made" "$work/base.tar" / >/dev/null
buildah config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin --env LANG=C.UTF-8 --cmd '["python3"]' "$made"
buildah commit -q "$made" "$name" >/dev/null
buildah rm "$made" >/dev/null
rm -rf "$root" "$work/base.tar"
