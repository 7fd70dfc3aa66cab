"""Quality of a regression, from sums alone."""

from __future__ import annotations

import math


def regression(count: int, absolute: float, squared: float, truth_squared: float) -> dict[str, float]:
    """Errors and explained share, by AWS's names.

    Args:
        count: number of records.
        absolute, squared: Σ|truth - prediction| and Σ(truth - prediction)².
        truth_squared: Σ(truth - mean of the truth)².
    Returns: mae, mse, rmse in units of the label (squared for mse), r2 at most 1. NaN of no records, and r2 where the
        truth never varies.
    """
    if not count:
        return dict.fromkeys(("mae", "mse", "rmse", "r2"), math.nan)
    mse = squared / count
    r2 = 1.0 - squared / truth_squared if truth_squared else math.nan
    return {"mae": absolute / count, "mse": mse, "rmse": math.sqrt(mse), "r2": r2}
