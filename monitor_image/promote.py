"""Copies one image, named by its digest, to another repository of ECR: python3 promote.py IMAGE@sha256:… REPOSITORY [--tag TAG]

What was built and tested once is what runs elsewhere, byte for byte: the digest stays. It reads and writes with the credentials of
the account that gets the image; the repository that has it must admit that account (docs/deploy.md). Needs boto3 alone, no builder.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)/([^:@]+)@(sha256:[0-9a-f]{64})")
REPOSITORY = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?)/([^:@]+)")
MEDIA_TYPES = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]
CHUNK = 1 << 20


class NotPromoted(Exception):
    """Why an image could not be copied, and what to do."""


@dataclass(frozen=True)
class Place:
    """A repository of a registry."""

    account: str
    region: str
    suffix: str
    name: str

    @property
    def named(self) -> dict[str, str]:
        """As calls name it."""
        return {"registryId": self.account, "repositoryName": self.name}

    def __str__(self) -> str:
        return f"{self.account}.dkr.ecr.{self.region}.{self.suffix}/{self.name}"


def source_of(text: str) -> tuple[Place, str]:
    """The repository and the digest of an image."""
    found = IMAGE.fullmatch(text)
    if found is None:
        raise NotPromoted(
            f"{text}: should be ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:…; give the digest, a tag may move"
        )
    *place, digest = found.groups()
    return Place(*place), digest


def target_of(text: str) -> Place:
    """A repository."""
    found = REPOSITORY.fullmatch(text)
    if found is None:
        raise NotPromoted(
            f"{text}: should be ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY, without tag or digest: the digest stays"
        )
    return Place(*found.groups())


def tag_of(digest: str) -> str:
    """A tag that stays: what has none is removed after a while."""
    return f"sha256-{digest.partition(':')[2][:12]}"


@dataclass(frozen=True)
class Promotion:
    """From one repository to another, with a client for each one's Region."""

    source: Place
    target: Place
    reader: Any
    writer: Any

    def copy(self, digest: str, tag: str | None = None) -> str:
        """Copy an image, and those that it lists; how it is named there. Raises: NotPromoted."""
        text, type_ = self._manifest(digest)
        manifest = json.loads(text)
        for listed in manifest.get("manifests", ()):
            self.copy(listed["digest"])
        self._copy_layers([part["digest"] for part in _parts(manifest)])
        tagged = {"imageTag": tag} if tag else {}
        given = {"imageManifest": text, "imageManifestMediaType": type_, "imageDigest": digest, **tagged}
        with contextlib.suppress(self.writer.exceptions.ImageAlreadyExistsException):  # it was promoted before
            self.writer.put_image(**self.target.named, **given)
        return f"{self.target}@{digest}"

    def _manifest(self, digest: str) -> tuple[str, str]:
        asked = {"imageIds": [{"imageDigest": digest}], "acceptedMediaTypes": MEDIA_TYPES}
        found = self.reader.batch_get_image(**self.source.named, **asked)
        if not found["images"]:
            why = ", ".join(str(failure.get("failureReason")) for failure in found["failures"])
            raise NotPromoted(
                f"{self.source}@{digest}: is not there ({why}); push it, or give the digest that was pushed"
            )
        (image,) = found["images"]
        text = str(image["imageManifest"])
        _check(hashlib.sha256(text.encode()).hexdigest(), digest, f"manifest in {self.source}")
        return text, str(image["imageManifestMediaType"])

    def _copy_layers(self, digests: list[str]) -> None:
        if not digests:
            return
        found = self.writer.batch_check_layer_availability(**self.target.named, layerDigests=digests)
        there = {each["layerDigest"] for each in found["layers"] if each["layerAvailability"] == "AVAILABLE"}
        for digest in dict.fromkeys(each for each in digests if each not in there):
            with tempfile.TemporaryFile() as content:
                self._download(digest, content)
                self._upload(digest, content)

    def _download(self, digest: str, content: IO[bytes]) -> None:
        url = self.reader.get_download_url_for_layer(**self.source.named, layerDigest=digest)["downloadUrl"]
        seen = hashlib.sha256()
        with urllib.request.urlopen(url) as answer:  # noqa: S310 (a signed address that ECR gave)
            for chunk in iter(lambda: answer.read(CHUNK), b""):
                seen.update(chunk)
                content.write(chunk)
        _check(seen.hexdigest(), digest, f"layer in {self.source}")

    def _upload(self, digest: str, content: IO[bytes]) -> None:
        upload = self.writer.initiate_layer_upload(**self.target.named)
        named, first = {**self.target.named, "uploadId": upload["uploadId"]}, 0
        content.seek(0)
        for part in iter(lambda: content.read(upload["partSize"]), b""):
            last = first + len(part) - 1
            self.writer.upload_layer_part(**named, partFirstByte=first, partLastByte=last, layerPartBlob=part)
            first = last + 1
        self.writer.complete_layer_upload(**named, layerDigests=[digest])


def _parts(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "config" in manifest:
        yield manifest["config"]
    yield from manifest.get("layers", ())


def _check(found: str, digest: str, what: str) -> None:
    if f"sha256:{found}" != digest:
        raise NotPromoted(f"{what}: should have digest {digest}, found sha256:{found}; push the image again")


def main(arguments: list[str], client: Callable[[str], Any] | None = None) -> int:
    """Copy, and print how the image is named from now on. `client`: Region → a client of ECR."""
    parser = argparse.ArgumentParser(prog="promote.py", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("image", metavar="IMAGE@sha256:…", help="what was built and tested")
    parser.add_argument("repository", metavar="REPOSITORY", help="where it goes")
    parser.add_argument("--tag", help="a name for people beside the digest; by default its beginning")
    options = parser.parse_args(arguments)
    from botocore.exceptions import ClientError  # here, with boto3: `--help` needs neither

    if client is None:
        import boto3

        def client(region: str) -> Any:
            return boto3.client("ecr", region_name=region)

    try:
        source, digest = source_of(options.image)
        target = target_of(options.repository)
        promotion = Promotion(source, target, client(source.region), client(target.region))
        sys.stdout.write(f"{promotion.copy(digest, options.tag or tag_of(digest))}\n")
    except (NotPromoted, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
