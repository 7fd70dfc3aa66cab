"""Bias metrics of one group against all others, from counts alone; any number of tables at once, so that resampling is cheap.

A table counts records by group variable × facet × observed label × predicted label. Groups: the first is of records whose
group is not known; they count in all metrics but CDDL and CDDPL. Facet: 0 all others (a), 1 the group in question (d).
Labels: 0 negative, 1 positive. Leading axes of a table are kept.
Definitions: the SageMaker Clarify developer guide, "Measure pre-training bias" and "Measure post-training data and model bias".
0/0 counts as 0 and x/0 as infinity; the difference of two infinite ratios is 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from model_monitor.contract import BIAS_METRICS, BiasStage

DESCRIPTIONS: Final = {  # as Clarify spells them in its reports
    "AD": "Accuracy Difference (AD)",
    "CDDL": "Conditional Demographic Disparity in Labels (CDDL)",
    "CDDPL": "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
    "CI": "Class Imbalance (CI)",
    "DAR": "Difference in Acceptance Rates (DAR)",
    "DCA": "Difference in Conditional Acceptance (DCA)",
    "DCR": "Difference in Conditional Rejection (DCR)",
    "DI": "Disparate Impact (DI)",
    "DPL": "Difference in Positive Proportions in Labels (DPL)",
    "DPPL": "Difference in Positive Proportions in Predicted Labels (DPPL)",
    "DRR": "Difference in Rejection Rates (DRR)",
    "FT": "Flip Test (FT)",
    "GE": "Generalized Entropy (GE)",
    "JS": "Jensen-Shannon Divergence (JS)",
    "KL": "Kullback-Liebler Divergence (KL)",
    "KS": "Kolmogorov-Smirnov Distance (KS)",
    "LP": "L-p Norm (LP)",
    "RD": "Recall Difference (RD)",
    "SD": "Specificity Difference (SD)",
    "TE": "Treatment Equality (TE)",
    "TVD": "Total Variation Distance (TVD)",
}
PRE_TRAINING: Final = BIAS_METRICS[BiasStage.PRE]
POST_TRAINING: Final = BIAS_METRICS[BiasStage.POST]
FLIP_TEST: Final = "FT"
CLASS_IMBALANCE: Final = "CI"  # the one metric of data that looks at no label
CONDITIONAL: Final = ("CDDL", "CDDPL")  # on the group variable

A, D = 0, 1  # the facet's axis
NEGATIVE, POSITIVE = 0, 1

NO_GROUP_VARIABLE: Final = "Group variable is empty or not provided"
EMPTY_FACET: Final = "Facet set is empty"
EMPTY_REST: Final = "Negated facet set is empty"
NO_POSITIVE: Final = "No positive labels in set"
NO_NEGATIVE: Final = "No negative labels in set"
NO_COMMON_LABEL: Final = "No label occurs on both sides of the facet"
NOTHING_ACCEPTED: Final = "Every record is observed positive and predicted negative"


def pre_training(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of the data.

    Args:
        counts: (..., groups, 2, 2), by facet and observed label; both sides of the facet have records.
    Returns: by name, each of the leading shape.
    """
    table = counts.sum(axis=-3)
    sizes = table.sum(axis=-1)
    shares = ratio(table, sizes[..., None])
    theirs, ours = shares[..., D, :], shares[..., A, :]
    gap = ours - theirs
    mean = (ours + theirs) / 2
    return {
        "CDDL": demographic_disparity(counts[..., 1:, :, :]),
        "CI": ratio(sizes[..., A] - sizes[..., D], sizes.sum(axis=-1)),
        "DPL": gap[..., POSITIVE],
        "JS": (divergence(ours, mean) + divergence(theirs, mean)) / 2,
        "KL": divergence(ours, theirs),
        "KS": np.abs(gap).max(axis=-1),
        "LP": np.sqrt((gap * gap).sum(axis=-1)),
        "TVD": np.abs(gap).sum(axis=-1) / 2,
    }


def post_training(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of the model, all but the flip test.

    Args:
        counts: (..., groups, 2, 2, 2), by facet, observed and predicted label; both sides of the facet have records.
    Returns: by name, each of the leading shape.
    """
    table = counts.sum(axis=-4)
    true_negative, false_positive = table[..., NEGATIVE, NEGATIVE], table[..., NEGATIVE, POSITIVE]
    false_negative, true_positive = table[..., POSITIVE, NEGATIVE], table[..., POSITIVE, POSITIVE]
    accepted, rejected = true_positive + false_positive, true_negative + false_negative
    positives, negatives = true_positive + false_negative, true_negative + false_positive
    sizes = accepted + rejected
    acceptance = ratio(accepted, sizes)
    return {
        "AD": _a_less_d(ratio(true_positive + true_negative, sizes)),
        "CDDPL": demographic_disparity(counts.sum(axis=-2)[..., 1:, :, :]),
        "DAR": _a_less_d(ratio(true_positive, accepted)),
        "DCA": _a_less_d(ratio(positives, accepted)),
        "DCR": -_a_less_d(ratio(negatives, rejected)),
        "DI": ratio(acceptance[..., D], acceptance[..., A]),
        "DPPL": _a_less_d(acceptance),
        "DRR": -_a_less_d(ratio(true_negative, rejected)),
        "GE": generalized_entropy(sizes.sum(-1), false_positive.sum(-1), false_negative.sum(-1)),
        "RD": _a_less_d(ratio(true_positive, positives)),
        "SD": -_a_less_d(ratio(true_negative, negatives)),
        "TE": -_a_less_d(ratio(false_negative, false_positive)),
    }


def pre_training_errors(counts: np.ndarray, no_groups: str = "") -> dict[str, str]:
    """Metrics of one table (groups, 2, 2) that its counts leave undefined, each with the reason.

    no_groups: why there is no group variable, "" when there is one.
    """
    table = counts.sum(axis=0)
    empty = _empty_side(table)
    if empty:
        return dict.fromkeys(PRE_TRAINING, empty)
    errors = {}
    if not (table > 0).all(axis=0).any():
        errors["KL"] = NO_COMMON_LABEL
    return errors | _group_errors("CDDL", counts, no_groups)


def post_training_errors(counts: np.ndarray, no_groups: str = "") -> dict[str, str]:
    """The same for one table (groups, 2, 2, 2)."""
    table = counts.sum(axis=0)
    empty = _empty_side(table.sum(axis=-1))
    if empty:
        return dict.fromkeys(POST_TRAINING, empty)
    if not table[..., POSITIVE].any():  # a stage of its own has nothing to say of a model that accepts nobody
        return dict.fromkeys(POST_TRAINING, NO_POSITIVE)
    errors = {}
    if table.sum() == table[:, POSITIVE, NEGATIVE].sum():
        errors["GE"] = NOTHING_ACCEPTED
    return errors | _group_errors("CDDPL", counts.sum(axis=-2), no_groups)


def demographic_disparity(counts: np.ndarray) -> np.ndarray:
    """How much more of the rejected than of the accepted the facet makes up, averaged over groups by their size.

    Args:
        counts: (..., groups, 2, 2), by facet and label.
    Returns: (...), in [-1, 1].
    """
    by_label = counts.sum(axis=-2)
    shares = ratio(counts[..., D, :], by_label)
    disparity = shares[..., NEGATIVE] - shares[..., POSITIVE]
    sizes = by_label.sum(axis=-1)
    return ratio((sizes * disparity).sum(axis=-1), sizes.sum(axis=-1))


def divergence(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Kullback-Leibler divergence in nats over the labels that have mass in both.

    Args:
        first, second: (..., labels), shares.
    """
    is_common = (first > 0) & (second > 0)
    quotient = np.divide(first, second, out=np.ones_like(first), where=is_common)
    return np.asarray((np.where(is_common, first, 0.0) * np.log(quotient)).sum(axis=-1))


def generalized_entropy(size: np.ndarray, false_positives: np.ndarray, false_negatives: np.ndarray) -> np.ndarray:
    """Inequality of the benefit 1 + predicted - observed, with alpha = 2; NaN when nobody has any."""
    right = size - false_positives - false_negatives
    total, squares = right + 2 * false_positives, right + 4 * false_positives
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = size / total  # multiplied below: a power of one number and of many round differently
        return np.asarray((squares * inverse * inverse - size) / (2 * size), np.float64)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole with 0/0 = 0 and x/0 = ±infinity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.asarray(np.true_divide(part, whole), np.float64)
    return np.where((np.asarray(part) == 0) & (np.asarray(whole) == 0), 0.0, quotient)


def _a_less_d(rates: np.ndarray) -> np.ndarray:
    a, d = rates[..., A], rates[..., D]
    both = np.isinf(a) & np.isinf(d)
    with np.errstate(invalid="ignore"):
        return np.where(both, 0.0, a - d)


def _empty_side(by_facet: np.ndarray) -> str:
    sizes = by_facet.sum(axis=-1)
    return EMPTY_FACET if not sizes[D] else EMPTY_REST if not sizes[A] else ""


def _group_errors(name: str, counts: np.ndarray, no_groups: str) -> dict[str, str]:
    if no_groups:
        return {name: no_groups}
    by_label = counts[1:].sum(axis=(0, 1))
    if not by_label[POSITIVE]:
        return {name: NO_POSITIVE}
    return {} if by_label[NEGATIVE] else {name: NO_NEGATIVE}
