"""Why people are told of a run: the metric `causes`, one decimal place a cause, as the container writes it.

Here for runs of which no container could tell, and for what only the control plane sees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

METRIC = "causes"
PLACES = (  # by their decimal place
    "data_quality",
    "drift",
    "model_quality",
    "bias",
    "attribution",
    "custom",
    "rejected",
    "labels_missing",
    "capture_loss",
    "error",
)


def number(*found: str) -> float:
    """1 at the place of each."""
    return float(sum(10 ** PLACES.index(cause) for cause in set(found)))


def of_verdict(verdict: str) -> float:
    """Of a run that left no values of its own."""
    return number("error") if verdict == "error" else number()


def kept(values: Mapping[str, float], published: Collection[str] | None) -> dict[str, float]:
    """Those that the schedule publishes; None for all."""
    return {name: value for name, value in values.items() if published is None or name in published}
