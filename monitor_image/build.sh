#!/usr/bin/env bash
# Builds the monitor image with docker, podman or buildah, whichever works here:  monitor_image/build.sh [NAME] [more of the builder's arguments]
# PLATFORM=linux/arm64, BASE, NATIVE, MODELS: see Dockerfile. SBOM=file: what the image holds is written there, as CycloneDX. BUILDER: one of the three. No time of this build gets into the image.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
name=${1:-model-monitor:latest}
shift $(($# > 0))
epoch=${SOURCE_DATE_EPOCH:-315532800}

works() {
  command -v "$1" >/dev/null && "$1" info >/dev/null 2>&1
}

builder=${BUILDER:-}
for candidate in docker podman buildah; do
  [ -z "$builder" ] && works "$candidate" && builder=$candidate
done
[ -n "$builder" ] || { echo "No builder works here: install docker, podman or buildah (and start docker's service)." >&2; exit 1; }

arguments=(--tag "$name" --build-arg "SOURCE_DATE_EPOCH=$epoch")
[ -z "${PLATFORM:-}" ] || arguments+=(--platform "$PLATFORM")
for setting in BASE NATIVE MODELS; do
  [ -z "${!setting:-}" ] || arguments+=(--build-arg "$setting=${!setting}")
done
case $builder in
  docker) export DOCKER_BUILDKIT=1; arguments+=(--provenance=false) ;; # a plain image, as Lambda takes it
  # the OCI's format: docker's has the names of the containers that built it
  podman) arguments+=(--format oci --timestamp "$epoch") ;;
  buildah) arguments+=(--format oci --timestamp "$epoch" --isolation "${BUILDAH_ISOLATION:-chroot}") ;;
  *) echo "BUILDER is docker, podman or buildah, found '$builder'." >&2; exit 1 ;;
esac
if [ -n "${SBOM:-}" ]; then
  listed=(--image "$name")
  [ -z "${BASE:-}" ] || listed+=(--base "$BASE")
  [ "${NATIVE:-1}" = 1 ] || listed+=(--no-native)
  [ "${MODELS:-0}" != 1 ] || listed+=(--models)
  python3 "$here/sbom.py" "${listed[@]}" >"$SBOM"
fi
echo "$builder build $name ${PLATFORM:-}"
exec "$builder" build "${arguments[@]}" "$@" "$here"
