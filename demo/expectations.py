"""What must have happened for the demo to succeed: each expectation is judged from observations alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from demo.covertype import BROKEN_ABSENT, BROKEN_TYPE, DRIFTING
from demo.observations import Observed, Story, Training
from model_monitor import contract

ABSENT_CHECKS = ("missing_column_check", "completeness_check")
MONITORS = ("data_quality", "model_quality", "model_bias", "model_explainability")
FACET = "Wilderness_Area Cache"
WATCHED = "covertype"
STEADY = "breast-cancer"
UNCERTAIN = (0.1, 0.9)  # scores between


@dataclass(frozen=True, slots=True)
class Expectation:
    """`found` is what was observed instead, or in proof."""

    phase: str
    text: str
    is_met: bool
    found: str


def judge(story: Story) -> list[Expectation]:
    """Every expectation of the scenario, in the order of the story."""
    return [
        *_deployed(story),
        *_healthy(story, "healthy"),
        *_quiet(story),
        *_broken(story),
        *_drifting(story),
        *_healthy(story, "adapted"),
        *_cooling(story),
        *_retrained(story),
        *_released(story),
        *_steady(story),
        *_reviewed(story),
        *_identity(story),
    ]


def unmet(expectations: Iterable[Expectation]) -> list[Expectation]:
    return [expectation for expectation in expectations if not expectation.is_met]


def _deployed(story: Story) -> Iterator[Expectation]:
    yield Expectation("deploy", "every stack was deployed by the CDK CLI", bool(story.stacks), _names(story.stacks))
    for endpoint in (WATCHED, STEADY):
        version = story.baselines.get(endpoint, "")
        yield Expectation("deploy", f"{endpoint} has a baseline before its first run", bool(version), version or "none")


def _of(story: Story, phase: str, endpoint: str = WATCHED) -> list[Observed]:
    """The hours of a phase; one that saw nothing when the phase is missing, so that its expectations fail and say so."""
    if hours := story.of(endpoint, phase):
        return hours
    start = story.hours[0].start if story.hours else None
    assert start is not None, "no hour was observed"
    return [Observed(endpoint, phase, start, start, runner="not observed")]


def _healthy(story: Story, phase: str) -> Iterator[Expectation]:
    for hour in _of(story, phase):
        yield _verdict(hour, "ok", "lambda")
        yield Expectation(phase, "no violation", not hour.violations and hour.verdict == "ok", _violations(hour))
        yield _nobody_paged(hour)
        yield _read_whole(hour)
        yield from _measured(hour)
        yield _one_run(hour)


def _quiet(story: Story) -> Iterator[Expectation]:
    for endpoint in (WATCHED, STEADY):
        for hour in _of(story, "quiet", endpoint):
            yield _verdict(hour, "no_data", "none")
            yield Expectation(
                "quiet",
                f"{endpoint}: no container was started",
                hour.containers_started == 0 and "no data" in hour.reason,
                f"{hour.containers_started} started, {hour.reason or 'no reason'}",
            )
            yield _nobody_paged(hour)


def _broken(story: Story) -> Iterator[Expectation]:
    for hour in _of(story, "broken"):
        yield _verdict(hour, "violated", "lambda")
        yield _finding(hour, ("data_type_check",), BROKEN_TYPE)
        yield _finding(hour, ABSENT_CHECKS, BROKEN_ABSENT)
        yield Expectation("broken", "it is no drift", "baseline_drift_check" not in hour.violations, _violations(hour))
        yield _paged(hour, "data-quality")
        drift = [name for name in hour.alarms if name.endswith("-drift")]
        yield Expectation("broken", "no alarm on drift", not drift, _names(hour.alarms))
        yield Expectation("broken", "no training on broken data", not hour.training_jobs, _names(hour.training_jobs))


def _drifting(story: Story) -> Iterator[Expectation]:
    for hour in _of(story, "drifting"):
        yield _verdict(hour, "violated", "lambda")
        yield _drift_alone(hour)
        yield _paged(hour, "drift")
        yield from _measured(hour)
        yield from _worse(hour)
        yield from _unfair(hour)
        yield _one_run(hour)
        yield Expectation(
            "drifting", "exactly one training job was started", len(hour.training_jobs) == 1, _names(hour.training_jobs)
        )


def _cooling(story: Story) -> Iterator[Expectation]:
    phase = "drifting again"
    for hour in _of(story, phase):
        yield _drift_alone(hour)
        yield _paged(hour, "drift")
        yield Expectation(phase, "no second training job", not hour.training_jobs, _names(hour.training_jobs))
        yield Expectation(
            phase,
            "the function refused because of the cool-down",
            any("cool" in decision.text.lower() for decision in hour.decisions),
            _names(decision.text for decision in hour.decisions),
        )


def _retrained(story: Story) -> Iterator[Expectation]:
    jobs = story.trainings
    yield Expectation("training", "one training job in all", len(jobs) == 1, _names([job.name for job in jobs]))
    for job in jobs or [Training("none", "missing", "")]:
        yield Expectation("training", "it completed", job.status == "Completed", f"{job.status} {job.failure}".strip())
        yield Expectation("training", "its artefact can be loaded", job.is_artifact_there, job.artifact or "none")
        rows = job.rows
        is_mixed = rows.get("train", 0) > 0 and rows.get("fresh", 0) > 0
        yield Expectation("training", "it saw original and freshly labelled rows", is_mixed, _counts(rows))
        yield _copes(job)


def _released(story: Story) -> Iterator[Expectation]:
    """The one retraining: its model is better on rows that no training saw, and serves."""
    found = _names(f"{each.run} {each.result}: {each.reason}" for each in story.releases)
    results = [each.result for each in story.releases]
    better = any(each.verdict == "better" for each in story.releases)
    yield Expectation("release", "the new model is better on rows that no training saw", better, found)
    yield Expectation("release", "it was deployed, and nothing was rolled back", results == ["deployed"], found)
    is_live = any(each.is_live for each in story.releases)
    yield Expectation("release", "it is what is live, with its own baseline", is_live, found)


def _copes(job: Training) -> Expectation:
    """Better on drifted records than the live model; what was not measured is no 0%."""
    before, after = job.accuracy_before, job.accuracy_after
    is_better = before is not None and after is not None and after > before
    shares = ["not measured" if share is None else f"{share:.0%}" for share in (before, after)]
    found = "no new model to ask" if after is None else f"accuracy {shares[0]} → {shares[1]}"
    return Expectation("training", "the new model copes with the drift", is_better, found)


def _steady(story: Story) -> Iterator[Expectation]:
    hours = [hour for hour in story.of(STEADY) if hour.phase != "quiet"]
    verdicts = sorted({hour.verdict for hour in hours})
    yield Expectation(STEADY, "healthy throughout", verdicts == ["ok"], _names(verdicts))
    noise = [name for hour in hours for name in (*hour.alarms, *hour.messages, *hour.training_jobs)]
    yield Expectation(STEADY, "no alarm, no message, no training", not noise, _names(noise))


def _reviewed(story: Story) -> Iterator[Expectation]:
    """Uncertain predictions go to people and no others but a sample; every answer is a label that the model is scored with."""
    found = story.review
    outside = sum(not UNCERTAIN[0] < score < UNCERTAIN[1] for score in found.scores)
    counts = f"{found.routed} routed, {found.sampled} sampled, {found.answered} answered, {found.labels} labels"
    is_met = found.routed > found.sampled and outside <= found.sampled
    yield Expectation("review", "predictions between the bounds went to people, and a sample of others", is_met, counts)
    is_met = found.routed == found.answered == found.labels > 0
    yield Expectation("review", "each was answered once and is a label", is_met, counts)
    scored = [hour.values["accuracy"] for hour in story.of(STEADY) if "accuracy" in hour.values]
    is_met = len(scored) > 1 and all(any(math.isclose(one, share) for share in found.agreement) for one in scored)
    shares = ", ".join(f"{value:.4f}" for value in scored) or "not scored"
    yield Expectation("review", "model quality is scored with them", is_met, shares)
    files = f"{found.rows} files of reviewed rows"
    yield Expectation("review", "they are rows of the training set", found.rows > 0, files)


def _identity(story: Story) -> Iterator[Expectation]:
    found = _names(story.identity_findings) if story.identity_findings else f"{story.identity_calls} calls checked"
    is_met = not story.identity_findings and story.identity_calls > 0
    yield Expectation("identity", "no role called beyond its policy", is_met, found)


# --- what several phases expect ------------------------------------------------------------------------------------------


def _verdict(hour: Observed, verdict: str, runner: str) -> Expectation:
    metric = {name for name, value in hour.run_metrics.items() if value > 0}
    return Expectation(
        hour.phase,
        f"{hour.endpoint}: verdict {verdict}, run by {runner}, metric run_{verdict}",
        (hour.verdict, hour.runner) == (verdict, runner) and metric == {f"run_{verdict}"},
        f"{hour.start:%H:%M}: {hour.verdict or 'none'}, {hour.runner or 'no run'}, {_names(sorted(metric))}",
    )


def _finding(hour: Observed, checks: tuple[str, ...], feature: str) -> Expectation:
    named = [subject for check in checks for subject in hour.features.get(check, ())]
    is_met = any(check in hour.violations for check in checks) and feature in named
    return Expectation(hour.phase, f"{' or '.join(checks)} ({feature})", is_met, _violations(hour))


def _measured(hour: Observed) -> Iterator[Expectation]:
    """The monitor's accuracy is the one that the application knows, from labels that came after the answers."""
    found = ", ".join(f"{name} {value:.4f}" for name, value in hour.values.items()) or "no value"
    seen, truth = hour.values.get("accuracy"), hour.sent.accuracy
    is_met = seen is not None and truth is not None and math.isclose(seen, truth, abs_tol=1e-9)
    yield Expectation(hour.phase, "metric accuracy is what the application saw", is_met, f"{found}; seen {truth}")
    coverage = hour.values.get("label_coverage") == 1.0
    yield Expectation(hour.phase, "every prediction was joined with its label", coverage, found)


def _worse(hour: Observed) -> Iterator[Expectation]:
    """The model answers wrongly more often than it may, and people are told."""
    violated = hour.features.get("LessThanThreshold", [])
    is_met = hour.monitors.get("model_quality") == "violated" and "accuracy" in violated
    yield Expectation(hour.phase, "model quality: accuracy below its threshold", is_met, _violations(hour))
    yield _paged(hour, "model-quality")


def _unfair(hour: Observed) -> Iterator[Expectation]:
    """One area's forests are missed more often than others', and other features decide than those that should."""
    seen = hour.features.get("bias_drift_check", [])
    is_met = hour.monitors.get("model_bias") == "violated" and any(FACET in subject for subject in seen)
    yield Expectation(hour.phase, f"bias drift against {FACET}", is_met, _violations(hour))
    yield _paged(hour, "bias-drift")
    moved = hour.features.get("feature_attribution_drift_check", [])
    is_met = hour.monitors.get("model_explainability") == "violated" and bool(moved)
    yield Expectation(hour.phase, "the features that decide have changed", is_met, _violations(hour))
    yield _paged(hour, "attribution-drift")


def _one_run(hour: Observed) -> Expectation:
    """One container, one read of the capture, a verdict of every type."""
    found = ", ".join(f"{key} {verdict}" for key, verdict in hour.monitors.items()) or "no monitor"
    is_met = tuple(hour.monitors) == MONITORS and hour.containers_started == 1
    return Expectation(hour.phase, f"one run judged {', '.join(MONITORS)}", is_met, found)


def _drift_alone(hour: Observed) -> Expectation:
    of_data = {check: subjects for check, subjects in hour.features.items() if check in set(contract.CheckType)}
    is_met = of_data == {"baseline_drift_check": [DRIFTING]}
    return Expectation(
        hour.phase, f"of the data, baseline_drift_check of {DRIFTING} and nothing else", is_met, _violations(hour)
    )


def _paged(hour: Observed, *kinds: str) -> Expectation:
    """An alarm of one of these kinds went off, and its own message reached people."""
    found = f"alarms: {_names(hour.alarms)}; messages: {_names(hour.messages)}"
    meant = [name for name in hour.alarms if name.endswith(tuple(f"-{kind}" for kind in kinds))]
    is_met = any(message.startswith(f'ALARM: "{name}"') for name in meant for message in hour.messages)
    return Expectation(hour.phase, f"an alarm on {' or '.join(kinds)}, and its message to people", is_met, found)


def _nobody_paged(hour: Observed) -> Expectation:
    found = f"alarms: {_names(hour.alarms)}; messages: {_names(hour.messages)}"
    text = f"{hour.endpoint}: nobody was paged"
    return Expectation(hour.phase, text, not (hour.alarms or hour.messages or hour.training_jobs), found)


def _read_whole(hour: Observed) -> Expectation:
    text = f"{hour.endpoint}: every record sent was read"
    is_met = hour.records == hour.sent.records > 0 and hour.rejects == 0
    return Expectation(
        hour.phase, text, is_met, f"{hour.sent.records} sent, {hour.records} read, {hour.rejects} rejected"
    )


def _violations(hour: Observed) -> str:
    named = (f"{check} ({', '.join(hour.features.get(check, ()))})" for check in hour.violations)
    return "; ".join(named) or f"no violations, verdict {hour.verdict or 'none'}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
