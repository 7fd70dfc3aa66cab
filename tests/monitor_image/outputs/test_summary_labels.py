"""What of the ground truth could not be read is told on the terminal, too."""

from __future__ import annotations

from collections import Counter

from model_monitor.outputs.report import Labels
from model_monitor.outputs.summary_labels import unread_labels
from model_monitor.schema import Reject, Rejects


def test_nothing_is_told_where_there_are_no_labels_or_all_could_be_read():
    assert unread_labels(None) == []
    assert unread_labels(Labels(7)) == []


def test_reasons_are_counted_the_commonest_first_and_the_first_place_is_told():
    located = (Reject("a.jsonl", 3, "line is no JSON"), Reject("b.parquet", 1, "file cannot be read"))
    rejects = Rejects(Counter({"file cannot be read": 1, "line is no JSON": 12}), located)
    assert unread_labels(Labels(7, 0, rejects)) == [
        "",
        "ground truth that could not be read (lines, or whole files):",
        "       12  line is no JSON",
        "        1  file cannot be read",
        "           first at a.jsonl:3",
    ]
