"""What the mistakes of the fraud model cost: a metric of one's own, named by environments/prod.yaml and uploaded with it."""

from __future__ import annotations

import numpy as np

from model_monitor.custom import Table, metric

REVIEW = 5.0  # what it costs to look into one payment


@metric(name="cost_weighted_error", worse="greater", threshold=0.2, columns=("amount",))
def cost_weighted_error(table: Table) -> float | None:
    """Share of the money at stake: a missed fraud costs its amount, a false alarm one review."""
    known = table.labelled
    if not known.rows:
        return None
    is_fraud, is_flagged = known["label"] == 1, known["prediction"] == 1
    missed = float(np.nansum(known["amount"][is_fraud & ~is_flagged]))
    false_alarms = int(np.count_nonzero(~is_fraud & is_flagged))
    return (missed + REVIEW * false_alarms) / float(np.nansum(known["amount"]))
