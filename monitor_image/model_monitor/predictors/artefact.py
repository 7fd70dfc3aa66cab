"""A model file loaded into the run: XGBoost, ONNX, scikit-learn by skops, or the weights of a linear model.

Files that run code when they are opened (pickle, joblib) are refused. The libraries are an optional layer of the image
(`requirements-models.txt`); a linear model needs none.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from model_monitor.aws import s3
from model_monitor.errors import PredictorError
from model_monitor.job.blocks import Block
from model_monitor.predictors import linear, onnx_model, skops_model, xgboost_model
from model_monitor.predictors.base import Budget, Matrix, OpenPredictor

Predict = Callable[[Matrix], np.ndarray]
ARCHIVES: Final = (".tar.gz", ".tgz", ".tar")
LARGEST_BYTES: Final = 4 << 30
FORMATS: Final = ("xgboost", "onnx", "skops", "linear")
BY_SUFFIX: Final = {".json": "xgboost", ".ubj": "xgboost", ".onnx": "onnx", ".skops": "skops"}
PICKLES: Final = (".pkl", ".pickle", ".joblib", ".sav", ".dill", ".cloudpickle")
PICKLE_STARTS: Final = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
OUTPUTS: Final = ("probability", "prediction")


@dataclass(frozen=True, slots=True)
class ArtefactSource:
    """A model file, or an archive that holds one, local or in S3.

    format: None: by the file's name and content. output: of models that can answer both.
    trusted_types: classes that a skops file may hold beyond those that skops trusts itself.
    """

    location: str
    format: str | None = None
    output: str = "probability"
    member: str | None = None
    trusted_types: tuple[str, ...] = ()
    label_headers: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        return True

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def open(self, budget: Budget) -> ArtefactPredictor:
        """Raises: PredictorError."""
        name, content = self._file()
        if name.lower().endswith(PICKLES) or content.startswith(PICKLE_STARTS):
            raise _refused(name)
        return ArtefactPredictor(f"model file {name}", self._load(name, content), budget)

    def _file(self) -> tuple[str, bytes]:
        content = s3.read_object(self.location) if s3.is_s3(self.location) else _local(self.location)
        if content is None:
            raise PredictorError(f"{self.location}: the model file is not there. Check predictor.artefact.")
        if not self.location.lower().endswith(ARCHIVES):
            return PurePosixPath(self.location).name, content
        return _unpacked(self.location, content, self.member)

    def _load(self, name: str, content: bytes) -> Predict:
        kind = self.format or BY_SUFFIX.get(PurePosixPath(name.lower()).suffix) or _sniffed(content)
        if linear.is_linear(content) and kind in ("linear", "xgboost"):
            kind = "linear"
        match kind:
            case "xgboost":
                return xgboost_model.load(name, content)
            case "onnx":
                return onnx_model.load(name, content, self.output)
            case "skops":
                return skops_model.load(name, content, self.output, self.trusted_types)
            case "linear":
                return linear.load(name, content)
        raise PredictorError(f"model file {name}: is of no known format. Set predictor.format: {', '.join(FORMATS)}.")


class ArtefactPredictor(OpenPredictor):
    """A model in memory; each call is free, each row counts."""

    def __init__(self, where: str, predict: Predict, budget: Budget) -> None:
        self._where, self._predict, self._budget = where, predict, budget

    def predict(self, rows: Matrix) -> np.ndarray:
        """float64 (rows, outputs). Raises: BudgetExceeded, PredictorError."""
        self._budget.spend(len(rows), calls=0)
        found = np.asarray(self._predict(rows), np.float64)
        found = found[:, None] if found.ndim == 1 else found
        if found.ndim != 2 or len(found) != len(rows):
            raise PredictorError(f"{self._where}: answered {len(rows)} rows with an array of shape {found.shape}.")
        return found


def read_source(block: Block) -> ArtefactSource:
    """The whole `predictor` block of an artefact; faults go to it."""
    source = ArtefactSource(
        location=block.text("artefact") or "",
        format=block.choice("format", FORMATS, None),
        output=block.choice("output", OUTPUTS, "probability"),
        member=block.text("member"),
        trusted_types=block.texts("trusted_types"),
        label_headers=block.texts("label_headers"),
    )
    if not source.location:
        block.faults.add(block.at("artefact"), "should be the path or S3 URI of a model file")
    if source.location.lower().endswith(PICKLES):
        block.faults.add(block.at("artefact"), f"is a pickle, which {WHY_NOT}")
    block.end()
    return source


WHY_NOT: Final = "runs whatever code it holds when it is opened. Save the model as XGBoost JSON, ONNX or skops instead"


def _refused(name: str) -> PredictorError:
    return PredictorError(f"model file {name}: is a pickle, which {WHY_NOT}.")


def _local(location: str) -> bytes | None:
    path = Path(location)
    return path.read_bytes() if path.is_file() else None


def _sniffed(content: bytes) -> str | None:
    """Files without a telling name, such as SageMaker's `xgboost-model`."""
    if content[:1] == b"{":
        return "xgboost"
    return "skops" if content.startswith(b"PK") else None


def _unpacked(where: str, content: bytes, member: str | None) -> tuple[str, bytes]:
    """The one model file of an archive, read without being written anywhere."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            files = {item.name.removeprefix("./"): item for item in archive.getmembers() if item.isfile()}
            name = member or _model_among(list(files), where)
            item = files.get(name)
            if item is None:
                raise PredictorError(f"{where}: holds no file {name}. Correct predictor.member.")
            if item.size > LARGEST_BYTES:
                raise PredictorError(f"{where}: {name} has {item.size} bytes, allowed {LARGEST_BYTES}.")
            opened = archive.extractfile(item)
            return PurePosixPath(name).name, opened.read() if opened else b""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise PredictorError(f"{where}: is no readable archive ({type(error).__name__}).") from error


def _model_among(names: list[str], where: str) -> str:
    found = [name for name in names if PurePosixPath(name.lower()).suffix in BY_SUFFIX and "code/" not in name]
    found = found or [name for name in names if PurePosixPath(name).name == "xgboost-model"]
    if len(found) == 1:
        return found[0]
    if not found and any(name.lower().endswith(PICKLES) for name in names):
        raise _refused(where)
    what = "several files that may be the model" if found else "no file that may be the model"
    raise PredictorError(f"{where}: holds {what}. Name it: predictor.member.")
