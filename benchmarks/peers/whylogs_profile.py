"""whylogs profiling capture files: moments, KLL, distinct counts, frequent items. CSV payloads without quotes only."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pandas as pd
import whylogs

if __name__ == "__main__":
    parts = []
    for file in sorted(Path(sys.argv[1]).rglob("*.jsonl")):
        events = pd.read_json(file, lines=True)
        text = "\n".join(event["endpointInput"]["data"] for event in events["captureData"])
        parts.append(pd.read_csv(io.StringIO(text), header=None, names=[f"c{i}" for i in range(56)]))
    rows = pd.concat(parts, ignore_index=True)
    view = whylogs.log(rows).view().to_pandas()
    print(json.dumps({"rows": len(rows), "mean": float(view.loc["c0", "distribution/mean"])}))
