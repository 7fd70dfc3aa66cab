"""Answers become one row of numbers a record; an answer of another shape is an error that tells no value."""

import json

import numpy as np
import pytest

from model_monitor.errors import PredictorError
from model_monitor.predictors.responses import Responses, check_selector
from model_monitor.predictors.templates import CSV, JSON, JSON_LINES


def read(text, selector=None, records=2, accept=CSV, content_type=None):
    return Responses(accept, selector).read(text.encode(), content_type, records).tolist()


@pytest.mark.parametrize(
    ("text", "selector", "expected"),
    [
        ("0.25\n0.75\n", None, [[0.25], [0.75]]),
        ("0.25,0.75", None, [[0.25], [0.75]]),
        ("1,0.25\n0,0.75", None, [[1, 0.25], [0, 0.75]]),
        ("1,0.25\r\n0,0.75\r\n", 1, [[0.25], [0.75]]),
        ("cat,0.25\ndog,0.75", "1", [[0.25], [0.75]]),
        ('"cat, black",0.25\n"dog",0.75', 1, [[0.25], [0.75]]),
        ("[0.1,0.9]\n[0.2,0.8]", None, [[0.1, 0.9], [0.2, 0.8]]),
        ("[0.1,0.9],[0.2,0.8]", 1, [[0.9], [0.8]]),
        ('cat,"[0.1,0.9]"\ndog,"[0.2,0.8]"', 1, [[0.1, 0.9], [0.2, 0.8]]),
    ],
)
def test_lines_of_values_are_read_by_position(text, selector, expected):
    assert read(text, selector) == expected


@pytest.mark.parametrize(
    ("text", "selector", "expected"),
    [
        ('{"score":0.25}\n{"score":0.75}\n', "score", [[0.25], [0.75]]),
        ('{"a":{"p":[0.1,0.9]}}\n{"a":{"p":[0.2,0.8]}}', "a.p", [[0.1, 0.9], [0.2, 0.8]]),
        ("0.25\n0.75", None, [[0.25], [0.75]]),
        ("[1,0.25]\n[0,0.75]", 1, [[0.25], [0.75]]),
    ],
)
def test_json_lines_are_searched_line_by_line(text, selector, expected):
    assert read(text, selector, accept=JSON_LINES) == expected


@pytest.mark.parametrize(
    ("document", "selector", "expected"),
    [
        ({"predictions": [{"score": 0.25}, {"score": 0.75}]}, "predictions[*].score", [[0.25], [0.75]]),
        ({"predictions": [[0.1, 0.9], [0.2, 0.8]]}, "predictions", [[0.1, 0.9], [0.2, 0.8]]),
        ([{"label": 1, "score": 0.25}, {"label": 0, "score": 0.75}], "score", [[0.25], [0.75]]),
        ([0.25, 0.75], None, [[0.25], [0.75]]),
        ([["cat", 0.25], ["dog", 0.75]], 1, [[0.25], [0.75]]),
        ({"p": ["0.25", True]}, "p", [[0.25], [1.0]]),
    ],
)
def test_a_document_is_searched_as_a_whole_or_record_by_record(document, selector, expected):
    assert read(json.dumps(document), selector, accept=JSON) == expected


@pytest.mark.parametrize(
    ("document", "selector", "expected"),
    [
        (0.25, None, [[0.25]]),
        ({"p": [0.1, 0.2, 0.7]}, "p", [[0.1, 0.2, 0.7]]),
        ({"p": [[0.1, 0.9]]}, "p", [[0.1, 0.9]]),
    ],
)
def test_one_record_may_be_answered_without_a_list_around_it(document, selector, expected):
    assert read(json.dumps(document), selector, records=1, accept=JSON) == expected


def test_the_answers_own_content_type_wins_over_what_was_asked_for():
    assert read('{"s":1}\n{"s":2}', "s", accept=JSON, content_type="application/jsonlines; charset=utf-8") == [[1], [2]]
    assert read("0.5\n0.25", None, accept=JSON, content_type="text/csv") == [[0.5], [0.25]]
    assert read("[1, 2]", None, accept=JSON, content_type="text/html") == [[1], [2]]


@pytest.mark.parametrize(
    ("text", "selector", "accept", "complaint"),
    [
        ("0.987\n0.986\n0.985", None, CSV, "3 lines to 2 records"),
        ("0.987,0.986,0.985", None, CSV, "one line of 3 values to 2 records"),
        ("0.987\n0.986,0.985", None, CSV, "several widths"),
        ("0.987\nhappy", None, CSV, "what is no number"),
        ("0.987\n", 1, CSV, "one line of 1 values to 2 records"),
        ("0.987\n0.986", 3, CSV, "no value at position 3"),
        ("0.987\n0.986", "score", CSV, "positions, not names"),
        ('{"s":0.987}', "s", JSON_LINES, "1 lines to 2 records"),
        ('{"s":0.987}\n{"s":', "s", JSON_LINES, "malformed"),
        ('{"s":0.987}\n{"t":0.986}', "s", JSON_LINES, "null or not finite"),
        ('{"s":[0.987,0.986,0.985]}', "s", JSON, "3 × 1 for 2 records"),
        ('{"s":[0.987,0.986]}', "t", JSON, "nothing there"),
        ('{"s":[0.987,"NaN"]}', "s", JSON, "not finite"),
        ('{"s":[[0.987,0.986],[0.985]]}', "s", JSON, "several widths"),
        ('{"s":{"happy":0.987}}', "s", JSON, "what is no number"),
    ],
)
def test_an_answer_that_does_not_fit_is_told_without_its_values(text, selector, accept, complaint):
    with pytest.raises(PredictorError, match=complaint) as caught:
        read(text, selector, accept=accept)
    assert not any(value in str(caught.value) for value in ("0.98", "happy"))


def test_an_answer_that_is_no_text_is_refused():
    with pytest.raises(PredictorError, match="no text"):
        Responses(JSON).read(b"\xff\xfe", None, 1)


def test_selectors_that_cannot_be_followed_are_told_early():
    assert check_selector("predictions[*].score") is None
    assert check_selector(0) is None
    assert check_selector(None) is None
    assert "JMESPath" in (check_selector("predictions[") or "")
    assert check_selector(-1) == "should not be negative"


def test_the_result_is_float64():
    assert Responses(JSON).read(b"[1,2]", None, 2).dtype == np.float64
