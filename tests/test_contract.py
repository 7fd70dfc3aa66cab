"""The names that every part shares."""

from datetime import UTC, datetime

import pytest

from model_monitor import contract
from model_monitor.contract import Verdict


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ([], Verdict.NO_DATA),
        ([Verdict.OK, Verdict.NO_DATA], Verdict.OK),
        ([Verdict.INSUFFICIENT_DATA, Verdict.NO_DATA], Verdict.INSUFFICIENT_DATA),
        ([Verdict.OK, Verdict.INSUFFICIENT_DATA], Verdict.INSUFFICIENT_DATA),
        ([Verdict.OK, Verdict.VIOLATED, Verdict.INSUFFICIENT_DATA], Verdict.VIOLATED),
        ([Verdict.OK, Verdict.WAITING], Verdict.OK),
        ([Verdict.WAITING, Verdict.INSUFFICIENT_DATA], Verdict.INSUFFICIENT_DATA),
        ([Verdict.WAITING, Verdict.WAITING], Verdict.WAITING),
        ([Verdict.VIOLATED, Verdict.ERROR], Verdict.ERROR),
    ],
)
def test_a_runs_verdict_is_the_worst_of_its_monitors(verdicts, worst):
    assert contract.worst_verdict(verdicts) is worst


def test_long_names_are_cut_with_a_hash_so_that_two_stay_two():
    one, other = (contract.schedule_name("e" * 70, monitor_set) for monitor_set in ("data", "bias"))
    assert one != other
    assert max(len(one), len(other)) <= 63


def test_a_job_name_keeps_window_and_attempt_when_it_is_cut():
    name = contract.job_name("s" * 80, datetime(2026, 3, 1, 7, tzinfo=UTC), attempt=2)
    assert name.endswith("-202603010700-2")
    assert len(name) <= 63


def test_report_and_capture_keys_follow_the_services_layout():
    hour = datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert contract.report_key("reports", "e", "s", hour) == "reports/e/s/2026/03/01/07"
    assert contract.capture_key("", "e", "v", hour) == "e/v/2026/03/01/07"


@pytest.mark.parametrize("endpoint", ["a", "covertype", "e" * 50, "e" * 51, "e" * 63, "e" * 49 + "-" * 6 + "e" * 8])
@pytest.mark.parametrize("monitor", ["data-quality", "m" * 32])
def test_every_baseline_job_of_an_endpoint_begins_with_its_stem(endpoint, monitor):
    job = contract.baseline_job_name(contract.schedule_name(endpoint, monitor), "v1-0123456789")
    assert job.startswith(contract.baseline_job_stem(endpoint))


def test_every_verdict_has_an_exit_status_and_only_a_run_that_was_evaluated_passes():
    assert set(contract.EXIT_STATUS) == set(Verdict)
    assert [verdict for verdict, status in contract.EXIT_STATUS.items() if status == contract.EXIT_OK] == [Verdict.OK]
