"""For the eyes: what of the ground truth could not be read."""

from __future__ import annotations

from model_monitor.outputs.report import Labels


def unread_labels(labels: Labels | None) -> list[str]:
    """Lines of a summary: how many by reason, and where the first is; none if all could be read."""
    if labels is None or not labels.rejects.count:
        return []
    rejects = labels.rejects
    return [
        "",
        "ground truth that could not be read (lines, or whole files):",
        *(f"  {count:>7}  {reason}" for reason, count in rejects.by_reason.most_common()),
        *(f"           first at {located.path}:{located.line}" for located in rejects.located[:1]),
    ]
