"""The initial models, as a team's training pipeline would put them there: trained for real, packed, uploaded.

Runs `stacks/model_code` in the interpreter that stands for AWS's XGBoost framework container.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.data import Answers, Dataset, Request, Table, baseline_csv, baseline_lines, training_csv

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "stacks" / "model_code"
ARTIFACT_FILES = ("model.json", "metadata.json")
HYPERPARAMETERS = {"num_round": 30, "max_depth": 4, "nthread": 1, "seed": 7}

SCORE = """
import json, sys
import inference
model = inference.model_fn(sys.argv[1])
correct = records = 0
for body, content_type, labels in json.load(sys.stdin):
    found = inference.predict_fn(inference.input_fn(body, content_type), model).labels
    correct += sum(one == other for one, other in zip(found, labels))
    records += len(labels)
print(correct / records)
"""

ANSWER = """
import json, sys
import inference
model, asked = inference.model_fn(sys.argv[1]), json.load(sys.stdin)
found = inference.predict_fn(inference.input_fn(asked["body"], asked["content_type"]), model)
body, _ = inference.output_fn(found, "application/json")
items = json.loads(body)
for item in items:
    item.pop("payload_index", None)
print(json.dumps(items))
"""


class ModelFailed(RuntimeError):
    """A script of the model ended with an error."""


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model on disk. `files` is what is uploaded: key below the endpoint's prefix → path."""

    endpoint: str
    folder: Path
    accuracy: float
    rows: int
    files: Mapping[str, Path]


def train(dataset: Dataset, folder: Path, python: Path) -> Model:
    """Write the data sets, train on them, pack the artefact."""
    baseline, train_part, validation = dataset.training()
    files = {
        "train/train.csv": _write(folder / "train" / "train.csv", training_csv(train_part, dataset.names)),
        "validation/validation.csv": _write(
            folder / "validation" / "validation.csv", training_csv(validation, dataset.names)
        ),
    }
    code = _install(folder / "code", dataset)
    arguments = [part for name, value in HYPERPARAMETERS.items() for part in (f"--{name}", str(value))]
    for channel in ("train", "validation"):
        arguments += [f"--{channel}", str(folder / channel)]
    _run([str(python), str(code / "train.py"), *arguments, "--model-dir", str(folder / "model")])
    metadata = json.loads((folder / "model" / "metadata.json").read_text())
    _write(folder / "baseline" / "baseline.csv", baseline_csv(baseline, dataset.label))  # for trying things out locally
    answers = _answers(dataset, baseline, folder / "model", code, python)
    files["baseline/baseline.jsonl"] = _write(
        folder / "baseline" / "baseline.jsonl", baseline_lines(baseline, dataset.label, answers)
    )
    archive = folder / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ARTIFACT_FILES:
            tar.add(folder / "model" / name, arcname=name)
    return Model(
        dataset.endpoint,
        folder / "model",
        metadata["metrics"]["validation-accuracy"],
        metadata["rows"]["train"],
        {"model.tar.gz": archive, **files},
    )


def _answers(dataset: Dataset, table: Table, model: Path, code: Path, python: Path) -> Answers:
    """What the model says of records whose labels are known: the other half of a baseline of its quality."""
    asked = {"body": dataset.write(table, 0), "content_type": dataset.content_type}
    found = json.loads(_run([str(python), "-c", ANSWER, str(model)], stdin=json.dumps(asked), code=code))
    return Answers(found)


def upload(model: Model, bucket: str, s3: Any) -> None:
    """Put a model and its data where the environment file says they are."""
    for key, path in model.files.items():
        s3.upload_file(str(path), bucket, f"{model.endpoint}/{key}")


def unpack(archive: Path, folder: Path) -> dict[str, Any]:
    """The metadata of an artefact that a training job wrote; its model lies unpacked in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    metadata: dict[str, Any] = json.loads((folder / "metadata.json").read_text())
    return metadata


def accuracy(model: Path, code: Path, requests: Sequence[Request], python: Path) -> float:
    """The share of records that a model labels rightly, served by the serving script."""
    asked = [[request.body.decode(), request.content_type, list(request.table.labels)] for request in requests]
    return float(_run([str(python), "-c", SCORE, str(model)], stdin=json.dumps(asked), code=code))


def _install(folder: Path, dataset: Dataset) -> Path:
    """The scripts with a mapping beside them."""
    mapping = {"features": [{"name": name} for name in dataset.names], "output": {"attributions": list(dataset.why)}}
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CODE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    _write(folder / "payload.json", json.dumps(mapping))
    return folder


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _run(command: Sequence[str], *, stdin: str = "", code: Path | None = None) -> str:
    variables = {"PYTHONPATH": str(code)} if code else {}
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=variables)
    if done.returncode != 0:
        raise ModelFailed(f"{Path(command[1]).name} failed: {done.stderr.strip()[-800:]}")
    return done.stdout
