"""ECR: images as they are pushed and pulled, layer by layer. A manifest is known by the digest of its bytes, and a repository of
another account opens to whom its policy admits. Moto keeps the repositories and lists what is in them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moto.backends import get_backend

from twin.api import ApiError, Call
from twin.iam import policies
from twin.surroundings import Surroundings

BLOBS: Final = "/twin-ecr/"
PART_BYTES: Final = 10 * 1024 * 1024
Repository = tuple[str, str]
"""(account, name)."""


def digest_of(content: bytes) -> str:
    """As registries name content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Images:
    """Layers, and the seven calls that push and pull them."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._layers: dict[Repository, dict[str, bytes]] = {}
        self._uploads: dict[str, bytearray] = {}
        twin.api.register(
            "ecr",
            PutImage=self.put,
            BatchGetImage=self.get,
            GetDownloadUrlForLayer=self.download_url,
            BatchCheckLayerAvailability=self.available,
            InitiateLayerUpload=self.begin,
            UploadLayerPart=self.upload,
            CompleteLayerUpload=self.complete,
        )
        twin.api.page(BLOBS, self._download)

    def lay(self, place: Repository, content: bytes, digest: str = "") -> None:
        """A layer as another account pushed it; under a digest that is not its own, as a damaged one."""
        self._layers.setdefault(place, {})[digest or digest_of(content)] = content

    def put(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        """An image all of whose layers, or images, are there. A tag that is taken stays where tags are immutable."""
        place = self._place(asked, call)
        text = str(asked["imageManifest"])
        manifest, digest = json.loads(text), digest_of(text.encode())
        if asked.get("imageDigest", digest) != digest:
            raise ApiError("ImageDigestDoesNotMatchException", f"the manifest's digest is {digest}")
        found = self._repository(place)
        missing = [each for each in _needed(manifest) if each not in self._layers.get(place, {})]
        if missing:
            raise ApiError("LayersNotFoundException", f"layers are not there: {missing}")
        known = {image.get_image_digest() for image in found.images}
        if lacking := [each["digest"] for each in manifest.get("manifests", ()) if each["digest"] not in known]:
            raise ApiError("ReferencedImagesNotFoundException", f"images are not there: {lacking}")
        tag: Any = asked.get("imageTag")  # moto keeps images without one, too
        taken = next((image for image in found.images if tag and tag in image.image_tags), None)
        if digest in known and (tag is None or (taken is not None and taken.get_image_digest() == digest)):
            raise ApiError("ImageAlreadyExistsException", f"{digest} is there")
        if taken is not None and found.image_tag_mutability == "IMMUTABLE":
            raise ApiError("ImageTagAlreadyExistsException", f"tag {tag} is taken, and tags are immutable")
        type_ = asked.get("imageManifestMediaType") or manifest.get("mediaType")
        backend = get_backend("ecr")[place[0]][self._twin.region]
        made = backend.put_image(place[1], text, tag, type_, digest)
        return {"image": self._shown(place, made)}

    def get(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        """Images by digest or tag."""
        place = self._place(asked, call)
        found: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        for wanted in asked["imageIds"]:
            images = [
                image
                for image in self._repository(place).images
                if wanted.get("imageDigest") in (None, image.get_image_digest())
                and (wanted.get("imageTag") is None or wanted["imageTag"] in image.image_tags)
            ]
            found += [self._shown(place, image) for image in images[:1]]
            if not images:
                reason = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                failures.append({"imageId": wanted, **reason})
        return {"images": found, "failures": failures}

    def download_url(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        place, digest = self._place(asked, call), str(asked["layerDigest"])
        if digest not in self._layers.get(place, {}):
            raise ApiError("LayersNotFoundException", f"layer {digest} is not there")
        url = f"{self._twin.endpoints['AWS_ENDPOINT_URL']}{BLOBS}{place[0]}/{digest}/{place[1]}"
        return {"downloadUrl": url, "layerDigest": digest}

    def available(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        kept = self._layers.get(self._place(asked, call), {})
        return {
            "layers": [
                {"layerDigest": each, "layerAvailability": "AVAILABLE" if each in kept else "UNAVAILABLE"}
                for each in asked["layerDigests"]
            ],
            "failures": [],
        }

    def begin(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        self._place(asked, call)
        name = secrets.token_hex(8)
        self._uploads[name] = bytearray()
        return {"uploadId": name, "partSize": PART_BYTES}

    def upload(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        self._place(asked, call)
        content = self._uploads[asked["uploadId"]]
        if asked["partFirstByte"] != len(content):
            raise ApiError("InvalidLayerPartException", f"the next byte is {len(content)}")
        content += asked["layerPartBlob"]
        return {"uploadId": asked["uploadId"], "lastByteReceived": len(content) - 1}

    def complete(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        place, content = self._place(asked, call), bytes(self._uploads.pop(asked["uploadId"]))
        digest = digest_of(content)
        if digest not in asked["layerDigests"]:
            raise ApiError("InvalidLayerException", f"the layer's digest is {digest}")
        self.lay(place, content)
        return {"layerDigest": digest, "uploadId": asked["uploadId"]}

    def _place(self, asked: Mapping[str, Any], call: Call) -> Repository:
        """The repository that a call is about, which is there and open to the caller."""
        account = str(asked.get("registryId") or self._twin.account)
        place = (account, str(asked["repositoryName"]))
        policy = self._repository(place).policy
        action = f"ecr:{call.operation}"
        if account != self._twin.account and not (policy and self._admits(policy, action)):
            raise ApiError("AccessDeniedException", f"the repository's policy does not admit this account to {action}")
        return place

    def _admits(self, policy: str, action: str) -> bool:
        root = f"arn:aws:iam::{self._twin.account}:root"
        return any(
            statement["Effect"] == "Allow"
            and root in policies.as_list(statement.get("Principal", {}).get("AWS", []))
            and any(policies.covers(each, action.lower()) for each in policies.as_list(statement["Action"]))
            for statement in policies.statements(policy)
        )

    def _repository(self, place: Repository) -> Any:
        found = get_backend("ecr")[place[0]][self._twin.region].repositories.get(place[1])
        if found is None:
            raise ApiError("RepositoryNotFoundException", f"there is no repository {place[1]} in registry {place[0]}")
        return found

    def _shown(self, place: Repository, image: Any) -> dict[str, Any]:
        named = {"imageDigest": image.get_image_digest()} | ({"imageTag": image.image_tag} if image.image_tag else {})
        return {
            "registryId": place[0],
            "repositoryName": place[1],
            "imageId": named,
            "imageManifest": image.get_image_manifest(),
            "imageManifestMediaType": image.image_manifest_media_type,
        }

    def _download(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        del method, body
        account, digest, name = path.removeprefix(BLOBS).split("/", 2)
        content = self._layers.get((account, name), {}).get(digest)
        return (404, b"") if content is None else (200, content)


def _needed(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Digests of what lies beside a manifest; a record without content (an image that nobody built) needs none."""
    parts = [manifest["config"]] if "config" in manifest else []
    yield from (each["digest"] for each in (*parts, *manifest.get("layers", ())) if each.get("size"))
