"""What `make review` serves: predictions of scikit-learn's breast cancer data, routed by a real run, on this machine alone.

python -m demo.review [--folder DIR] [--port N]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from model_monitor.api import baseline, monitor

ENDPOINT: Final = "breast-cancer"
HOUR: Final = datetime(2026, 3, 2, 4, tzinfo=UTC)
SHOWN: Final = ("mean_radius", "mean_texture", "mean_concavity", "mean_symmetry", "worst_radius", "worst_texture")
FEATURES: Final = ("mean_radius", "mean_texture", "mean_smoothness", "mean_concavity", "mean_symmetry", "worst_radius",
                   "worst_texture")  # fmt: skip
COMMAND: Final = (sys.executable, "-m", "model_monitor", "review")
REVIEWERS: Final = ("--reviewer", "ann", "--reviewer", "bob")


def configuration(sample_per_class: int = 2, per_hour: int = 60) -> dict[str, Any]:
    """What the run is told: scores between 0.1 and 0.9 go to people."""
    return {
        "version": 1,
        "endpoint": ENDPOINT,
        "payload": {"features": list(FEATURES), "label": "diagnosis", "output": {"score": 0}},
        "monitors": {
            "data_quality": {},
            "model_quality": {"problem_type": "BinaryClassification"},
        },
        "review": {
            "features": list(SHOWN),
            "label_names": {"0": "benign", "1": "malignant"},
            "instructions": "Is the tumour benign or malignant? Agree with the model, or choose the other.",
            "sample_per_class": sample_per_class,
            "per_hour": per_hour,
            "per_day": 100,
        },
    }


def prepare(folder: Path, sample_per_class: int = 2, per_hour: int = 60) -> dict[str, str]:
    """Train, serve an hour of requests, learn a baseline, run the monitor, put its tasks into a queue.

    Returns: event id → the diagnosis that is true of it.
    """
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data = load_breast_cancer()
    places = [list(data.feature_names).index(name.replace("_", " ")) for name in FEATURES]
    entered, diagnosis = data.data[:, places], 1 - data.target  # 1 is malignant
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05)).fit(entered[:300], diagnosis[:300])
    rows = zip(entered[:300].tolist(), diagnosis[:300].tolist(), model.predict_proba(entered[:300])[:, 1], strict=True)
    training = "".join(f"{','.join(map(str, row))},{label},{score:.6f}\n" for row, label, score in rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "baseline.csv").write_text(f"{','.join(FEATURES)},diagnosis,score\n{training}")
    live, truth = entered[300:], diagnosis[300:]
    hour = folder / "capture" / ENDPOINT / "AllTraffic" / f"{HOUR:%Y/%m/%d/%H}"
    hour.mkdir(parents=True, exist_ok=True)
    events = [
        _event(number, row, float(score))
        for number, (row, score) in enumerate(zip(live.tolist(), model.predict_proba(live)[:, 1], strict=True))
    ]
    (hour / "00-00-000-review.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    config = configuration(sample_per_class, per_hour)
    config["payload"]["score"] = "score"
    (folder / "config.json").write_text(json.dumps(config))
    run_monitor(folder)
    (folder / "review.sqlite").unlink(missing_ok=True)
    subprocess.run([*COMMAND, "route", str(folder / "report"), "--queue", str(folder / "review.sqlite")], check=True)
    return {f"event-{number:04d}": str(label) for number, label in enumerate(truth.tolist())}


def run_monitor(folder: Path, ground_truth: Path | None = None) -> dict[str, Any]:
    """The baseline where there is none yet, and one run over the hour; its report."""
    config = folder / "config.json"
    if not (folder / "baseline").exists():
        baseline(folder / "baseline.csv", folder / "baseline", config=config)
    found = monitor(
        folder / "capture", folder / "baseline", folder / "report", config=config, ground_truth=ground_truth
    )
    return dict(found.report)


def _event(number: int, row: list[float], score: float) -> dict[str, Any]:
    sides = {"endpointInput": (",".join(map(str, row)), "INPUT"), "endpointOutput": (f"{score:.6f}", "OUTPUT")}
    return {
        "captureData": {
            name: {"observedContentType": "text/csv", "mode": mode, "data": text, "encoding": "CSV"}
            for name, (text, mode) in sides.items()
        },
        "eventMetadata": {
            "eventId": f"event-{number:04d}",
            "inferenceTime": f"{HOUR + timedelta(seconds=10 * number):%Y-%m-%dT%H:%M:%SZ}",
        },
        "eventVersion": "0",
    }


def main(arguments: list[str] | None = None) -> int:
    """Prepare, then serve until somebody ends it."""
    parser = argparse.ArgumentParser(prog="python -m demo.review", description="The review app on generated traffic.")
    parser.add_argument("--folder", type=Path, default=Path("build/review"))
    parser.add_argument("--port", default="8321")
    options = parser.parse_args(arguments)
    prepare(options.folder)
    print("Sign in as ann or bob.", file=sys.stderr)
    serve = ["serve", "--queue", str(options.folder / "review.sqlite"), "--port", options.port, *REVIEWERS]
    return subprocess.run([*COMMAND, *serve], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
