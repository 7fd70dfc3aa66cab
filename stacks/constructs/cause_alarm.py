"""Alarms on why people are told of a run: each watches one decimal place of the one series `causes`."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch

from model_monitor import contract
from model_monitor.contract import Cause
from stacks.constructs.alarm_words import Words
from stacks.constructs.monitor_alarm import Watched
from stacks.constructs.scheduled_monitor import ScheduledMonitor

BASE: Final = 10  # a period with ten runs of one cause would carry into the next place
OF_TYPE: Final = {  # type → the cause of what violates it; data quality has two
    "model_quality": Cause.MODEL_QUALITY,
    "model_bias": Cause.BIAS,
    "model_explainability": Cause.ATTRIBUTION,
    "custom_metrics": Cause.CUSTOM,
}
NAMES: Final = {  # the end of an alarm's name, which policies and people know
    Cause.DATA_QUALITY: "data-quality",
    Cause.DRIFT: "drift",
    Cause.MODEL_QUALITY: "model-quality",
    Cause.BIAS: "bias-drift",
    Cause.ATTRIBUTION: "attribution-drift",
    Cause.CUSTOM: "custom-metrics",
    Cause.REJECTED: "rejected",
    Cause.LABELS_MISSING: "labels-missing",
    Cause.CAPTURE_LOSS: "capture-loss",
    Cause.ERROR: "error",
}
WORDS: Final = {
    Cause.DATA_QUALITY: Words(
        "found broken data: wrong types, missing values, features that did not arrive or that nobody knows, new categories",
        "a changed caller, a broken join or upstream table, a renamed or reordered field",
        "ask who changed what calls the endpoint; do not retrain on it",
    ),
    Cause.DRIFT: Words(
        "found features that drifted from the baseline",
        "a season, a new market or campaign, a changed unit, or slowly another world",
        "see which features and since when; a changed unit is mended, another world is learnt: retrain, or renew the baseline",
    ),
    Cause.MODEL_QUALITY: Words(
        "found a quality of the model beyond its threshold, or predictions that moved away from the baseline",
        "drifted data, another meaning of the label, labels of one group alone",
        "compare with drift and coverage of the same windows, then retrain or roll back",
    ),
    Cause.BIAS: Words(
        "found more bias than in the baseline",
        "another mix of groups, or a model that treats a group worse",
        "see which facet and metric; stop or review decisions about the group while it lasts",
    ),
    Cause.ATTRIBUTION: Words(
        "found features of another importance than in the baseline",
        "drifted data, a feature that became constant or leaks the answer",
        "compare the rankings then and now; ask of the features that rose or fell",
    ),
    Cause.CUSTOM: Words(
        "found metrics of your own beyond their threshold", "what these metrics measure", "see the metric in the report"
    ),
    Cause.REJECTED: Words(
        "could not read more of the records than allowed",
        "another payload format or content type, an encoding, a changed number of columns",
        "see the reasons and the first located records in the report; correct the payload mapping or the caller",
    ),
    Cause.LABELS_MISSING: Words(
        "gave windows up at their horizon, so that nothing was concluded of them",
        "labels stopped, are late, or do not carry the ids of the captured requests",
        "see whether labels arrive and whether their ids are those of the capture",
    ),
    Cause.CAPTURE_LOSS: Words(
        "saw much less captured than the endpoint was called, or a disk so full that SageMaker stops capturing",
        "a full disk of the endpoint, a bucket policy or key that refuses, a configuration with less sampling",
        "see the endpoint's disk and its capture configuration; windows with losses say less than they seem",
    ),
    Cause.ERROR: Words(
        "ended in an error, so that a window has no verdict",
        "permissions, settings, too many unreadable records, memory, a killed container",
        "read the exit message and the log of the run; mend it and run the window again",
    ),
}


def cause_alarm(monitor: ScheduledMonitor, cause: Cause) -> Watched:
    """Runs of a monitor have one cause to tell people."""
    return Watched(
        what=NAMES[cause],
        description=WORDS[cause].text(f"Runs of {monitor.schedule_name}"),
        metric=digit(monitor, cause),
    )


def digit(monitor: ScheduledMonitor, cause: Cause) -> cloudwatch.IMetric:
    """The decimal place of a cause: how many runs of the period had it."""
    low, high = BASE**cause.place, BASE ** (cause.place + 1)
    ones = f"FLOOR(causes / {low})" if cause.place else "causes"
    series = monitor.metric(contract.METRIC_CAUSES, statistic="Sum")  # two values of a period stand side by side
    return cloudwatch.MathExpression(
        expression=f"{ones} - {BASE} * FLOOR(causes / {high})",
        using_metrics={"causes": series},
        period=monitor.period,
        label=cause.value,
    )
