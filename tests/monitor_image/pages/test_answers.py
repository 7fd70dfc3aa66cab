"""Whoever knows only a window's page answers four questions from its text: what broke, since when, how bad, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_monitor.pages import index
from tests.monitor_image.pages.test_index import put, seen, window

ANSWERS: dict[
    str, tuple[dict[str, Any], tuple[str, str, str, str]]
] = {  # verdict → what the run left, the four answers
    "ok": (
        window(2),
        (
            "No violation",
            "No violation since 2026-03-02 00:00 UTC, in 3 windows in a row.",
            "All 12 evaluated checks held",
            "What to do next Nothing.",
        ),
    ),
    "violated": (
        window(2, "violated"),
        (
            "wrong types in Elevation; drift of Slope",
            "Violated since 2026-03-02 02:00 UTC, in this window alone so far.",
            "distance 0.6393, limit 0.1000",
            "Have the data mended where it comes from",
        ),
    ),
    "insufficient_data": (
        window(2, "insufficient_data", reason="12 records, fewer than the 30 that are needed"),
        (
            "Not evaluated",
            "Not evaluated since 2026-03-02 02:00 UTC",
            "12 records, fewer than the 30 that are needed",
            "too few records or too few labels. This window is no proof that all is well.",
        ),
    ),
    "waiting": (
        window(2, "waiting", reason="labels are due at 2026-03-03T02:00:00Z"),
        (
            "Waiting for labels",
            "Waiting for labels since 2026-03-02 02:00 UTC",
            "Labels are due at 2026-03-03T02:00:00Z.",
            "Nothing yet: the window is judged when its labels are due.",
        ),
    ),
    "no_data": (
        window(2, "no_data"),
        (
            "No traffic",
            "No traffic since 2026-03-02 02:00 UTC",
            "Job inputs had no data",
            "look whether the endpoint captures",
        ),
    ),
    "error": (
        window(2, "error", monitors=[]),
        (
            "The run failed broken.",
            "Failing since 2026-03-02 02:00 UTC",
            "so nothing is known of this window",
            "Mend what the message names and run the window again",
        ),
    ),
    "rehearsal": (
        window(2, "violated", rehearsal=True),
        (
            "A rehearsal. One violation was forced",
            "Seen in the window 2026-03-02 02:00 to 2026-03-02 03:00 UTC.",
            "it says nothing of the data",
            "What to do next Look whether the alarms and messages of this window arrived",
        ),
    ),
}


@pytest.mark.parametrize("verdict", ANSWERS)
def test_the_page_answers_what_broke_since_when_how_bad_and_what_to_do(tmp_path: Path, verdict: str) -> None:
    left, answers = ANSWERS[verdict]
    put(tmp_path, [window(0), window(1), left])
    index.write(tmp_path)
    text = seen(tmp_path / "shop" / "2026-03-02T020000Z" / "report.html").text
    assert [answer for answer in answers if answer not in text] == []
    others = {each[1][0] for name, each in ANSWERS.items() if name != verdict} - {answers[0]}
    heads = text.split("What to do next")[0]
    assert verdict == "rehearsal" or not [head for head in others if head in heads], "no page looks like another's"
