"""Event patterns, matcher by matcher."""

from __future__ import annotations

from typing import Any

import pytest

from twin.events.patterns import PatternError, check, matches

EVENT: dict[str, Any] = {
    "source": "aws.sagemaker",
    "detail": {
        "TrainingJobStatus": "Completed",
        "Seconds": 90,
        "Tags": ["a", "b"],
        "Empty": None,
        "Flag": True,
        "Parts": [{"name": "x"}, {"name": "y"}],
    },
}


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ({"source": ["aws.sagemaker"]}, True),
        ({"source": ["aws.s3", "aws.sagemaker"]}, True),
        ({"source": ["aws.s3"]}, False),
        ({"source": ["aws.sagemaker"], "detail": {"TrainingJobStatus": ["Failed"]}}, False),
        ({"detail": {"TrainingJobStatus": ["Failed", "Completed"]}}, True),
        ({"detail": {"TrainingJobStatus": [{"prefix": "Comp"}]}}, True),
        ({"detail": {"TrainingJobStatus": [{"suffix": "ted"}]}}, True),
        ({"detail": {"TrainingJobStatus": [{"equals-ignore-case": "COMPLETED"}]}}, True),
        ({"detail": {"TrainingJobStatus": [{"wildcard": "C*d"}]}}, True),
        ({"detail": {"TrainingJobStatus": [{"wildcard": "C?d"}]}}, False),
        ({"detail": {"TrainingJobStatus": [{"anything-but": ["Failed"]}]}}, True),
        ({"detail": {"TrainingJobStatus": [{"anything-but": "Completed"}]}}, False),
        ({"detail": {"TrainingJobStatus": [{"anything-but": {"prefix": "Comp"}}]}}, False),
        ({"detail": {"Seconds": [{"numeric": [">", 60, "<=", 90]}]}}, True),
        ({"detail": {"Seconds": [{"numeric": [">", 90]}]}}, False),
        ({"detail": {"Seconds": ["90"]}}, False),
        ({"detail": {"Tags": ["b"]}}, True),
        ({"detail": {"Tags": ["c"]}}, False),
        ({"detail": {"Missing": [{"exists": False}]}}, True),
        ({"detail": {"Missing": [{"exists": True}]}}, False),
        ({"detail": {"Missing": [{"anything-but": "x"}]}}, False),
        ({"detail": {"Empty": [None]}}, True),
        ({"detail": {"Flag": [1]}}, False),
        ({"detail": {"Flag": [True]}}, True),
        ({"detail": {"Parts": {"name": ["y"]}}}, True),
        ({"detail": {"Parts": {"name": ["z"]}}}, False),
        ({"$or": [{"source": ["aws.s3"]}, {"detail": {"Flag": [True]}}]}, True),
        ({"$or": [{"source": ["aws.s3"]}, {"detail": {"Flag": [False]}}]}, False),
        ({"missing": {"deeper": [{"exists": False}]}}, True),
    ],
)
def test_a_pattern_matches_as_eventbridge_says(pattern: dict[str, Any], is_match: bool) -> None:
    check(pattern)
    assert matches(pattern, EVENT) is is_match


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ({"source": "aws.s3"}, "pattern.source should be a list"),
        ({"source": []}, "pattern.source should be a list"),
        ({"detail": {"a": [{"cidr": "10.0.0.0/8"}]}}, "pattern.detail.a: unknown matcher cidr"),
        (["aws.s3"], "pattern should be an object"),
    ],
)
def test_a_wrong_pattern_is_refused_with_its_place(pattern: Any, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        check(pattern)
