"""The page of a window of 1,000 features and 10,000 records: drawing it, or the run that leaves the report it is drawn of.

Prints the seconds of one of them, without imports and without making the data.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

FEATURES, RECORDS, A_REQUEST, LEARNT = 1000, 10_000, 100, 2_000
NAMES = tuple(f"feature_{number}" for number in range(FEATURES))
FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench" / "data" / "page_1000"
HOUR = "2026-03-02T06:00:00Z"


def main(side: str) -> None:
    """Both sides have the same report before them: the first run makes it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "monitor_image"))
    from model_monitor import cli
    from model_monitor.pages import report

    folder, out = FOLDER, FOLDER / "output"
    common = ["--config", str(folder / "config.json")]
    monitor = ["monitor", "--dataset", str(folder / "capture"), "--baseline", str(folder / "baseline"), *common]
    with redirect_stdout(sys.stderr):
        if not (out / "report.json").exists():
            write(folder)
            learn = ["baseline", "--dataset", str(folder / "train.csv"), "--output", str(folder / "baseline"), *common]
            if cli.main(learn) or cli.main([*monitor, "--output", str(out)]) not in (0, 2):
                raise SystemExit(f"{folder}: the data was not analysed")
        start = time.perf_counter()
        if side == "run":
            cli.main([*monitor, "--output", str(folder / "again")])
        else:
            report.write(out)
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds}))


def write(folder: Path) -> None:
    """A training set and one hour of requests of many records each, every other feature drifted."""
    (folder / "capture").mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(0)
    learnt = [",".join(NAMES), *map(line, chance.normal(size=(LEARNT, FEATURES)))]
    (folder / "train.csv").write_text("\n".join(learnt) + "\n")
    (folder / "config.json").write_text(json.dumps({"version": 1, "payload": {"features": NAMES}}))
    values = chance.normal(size=(RECORDS, FEATURES)) + np.arange(FEATURES) % 2
    with (folder / "capture" / "one.jsonl").open("w") as lines:
        for number in range(0, RECORDS, A_REQUEST):
            lines.write(event(number, "\n".join(map(line, values[number : number + A_REQUEST]))) + "\n")


def line(values: np.ndarray) -> str:
    """A record as CSV."""
    return ",".join(f"{value:.4f}" for value in values)


def event(number: int, data: str) -> str:
    """A captured request."""
    said = {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": "CSV"}
    about = {"eventId": str(number), "inferenceTime": HOUR}
    return json.dumps({"captureData": {"endpointInput": said}, "eventMetadata": about, "eventVersion": "0"})


if __name__ == "__main__":
    main(sys.argv[1])
