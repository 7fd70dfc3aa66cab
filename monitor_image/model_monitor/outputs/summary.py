"""A run for the eyes: one table of features, the violations, what was not evaluated, and where the files are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model_monitor.contract import MONITOR_KEYS, REHEARSAL, JobKind, MonitoringType
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.monitors.model_bias.constraints import BiasCheck
from model_monitor.monitors.model_bias.metrics import DESCRIPTIONS
from model_monitor.outputs.report import MonitorResult, Report, Run
from model_monitor.outputs.summary_labels import unread_labels
from model_monitor.words import counted, lost

NAME_WIDTH = 36
SLICES_SHOWN = 5
NO_VALUE = "-"
RANKED_FEATURES = 5
DIGITS = 6
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[+-]?\d+)?(?!\w|\.\d)")


def summary(report: Report, run: Run, written: Sequence[Path]) -> str:
    """Plain text, the same in a terminal and in a pipe."""
    lines = [_headline(report), *_by_monitor(report), _facts(report, run)]
    for result in report.results:
        lines += ["", f"--- {MONITOR_KEYS[result.type]} ---"] if len(report.results) > 1 else []
        lines += [line for note in result.conclusion.notes for line in ("", f"note: {note}")]
        lines += [
            "",
            *_features(result, report.job.kind),
            *_quality(result),
            *_bias(result),
            *_custom(result),
            *_attributions(result),
            *_violations(result),
            *_not_evaluated(result),
        ]
    rejects = report.reading.rejects
    if rejects.count:
        lines += ["", f"{lost(rejects.sized, rejects.unsized)} could not be read:"]
        lines += [f"  {count:>7}  {reason}" for reason, count in rejects.by_reason.most_common()]
        lines += [f"           first at {located.path}:{located.line}" for located in rejects.located[:1]]
    lines += unread_labels(report.labels)
    if report.reading.tolerated:
        lines += ["", "read all the same:"]
        lines += [f"  {count:>7}  {what}" for what, count in sorted(report.reading.tolerated.items())]
    lines += ["", "files"]
    lines += [f"  {path}" for path in sorted(written)]
    return "\n".join(lines)


def _headline(report: Report) -> str:
    what = "baseline" if report.job.kind is JobKind.BASELINE else str(report.verdict)
    what = f"{REHEARSAL}: {what}" if report.job.is_rehearsal else what
    count = f" ({report.violation_count})" if report.violation_count else ""
    reason = f": {report.reason}" if report.reason else ""
    return f"{what}{count}{reason}"


def _by_monitor(report: Report) -> list[str]:
    """Of several monitors the verdict of each, as a run is `ok` beside one that could not evaluate anything."""
    if len(report.results) < 2 or report.job.kind is JobKind.BASELINE:
        return []
    width = max(len(MONITOR_KEYS[result.type]) for result in report.results)
    found = [(MONITOR_KEYS[result.type], result.conclusion) for result in report.results]
    return [f"  {name:<{width}}  {each.verdict}" + (f": {each.reason}" if each.reason else "") for name, each in found]


def _facts(report: Report, run: Run) -> str:
    reading = report.reading
    seconds = (run.finished - run.started).total_seconds()
    facts = [counted(reading.records, "record"), counted(report.dataset.files, "file")]
    if reading.events:
        facts.insert(1, counted(reading.events, "event"))
    if reading.outside_window:
        facts.append(f"{counted(reading.outside_window, 'record')} outside the window")
    if reading.own_requests:
        facts.append(f"{counted(reading.own_requests, 'request')} of our own left out")
    if reading.dropped:
        facts.append(f"{reading.dropped} dropped by the preprocessor")
    return f"{', '.join(facts)}, {seconds:.1f} s"


def _features(result: MonitorResult, kind: JobKind) -> list[str]:
    features: Sequence[Mapping[str, Any]] = result.summary.get("features", ())
    if not features:
        return []
    by_subject: dict[str, list[Check]] = defaultdict(list)
    for check in result.conclusion.checks:
        by_subject[check.subject].append(check)
    width = min(max(len("feature"), *(len(feature["name"]) for feature in features)), NAME_WIDTH)
    is_monitor = kind is JobKind.MONITOR
    lines = [f"{'feature':<{width}}  {'type':<10}  {'complete':>8}" + ("  distance  verdict" if is_monitor else "")]
    for feature in features:
        name = feature["name"] if len(feature["name"]) <= width else feature["name"][: width - 3] + "..."
        line = f"{name:<{width}}  {feature['inferred_type']:<10}  {_share(feature['completeness']):>8}"
        if is_monitor:
            line += f"  {_number(feature.get('distance')):>8}  {_verdict(by_subject[feature['name']])}"
        lines.append(line)
    return lines


def _quality(result: MonitorResult) -> list[str]:
    """Metrics with their deviations and limits, how many labels came, and which groups do worst."""
    if result.type is not MonitoringType.MODEL_QUALITY or not result.summary:
        return []
    labels, metrics = result.summary["labels"], result.summary["metrics"]
    lines = [f"labels: {labels['labelled']:,} of {counted(labels['predictions'], 'prediction')}"]
    shown = [metric for metric in metrics if not metric["name"].endswith("best_constant_classifier")]
    checks = {check.subject: check for check in result.conclusion.checks}
    width = max((len(name) for name in ("metric", *checks, *(metric["name"] for metric in shown))), default=0)
    if shown:
        lines += ["", f"{'metric':<{width}}  {'value':>10}  {'+/-':>8}  {'limit':>10}  verdict"]
    for metric in shown:
        found = checks.pop(metric["name"], None)
        limit = _number(found.allowed if found else None)
        verdict = NO_VALUE if found is None else str(found.outcome).replace("_", " ")
        value, deviation = _number(metric["value"]), _number(metric["standard_deviation"])
        lines.append(f"{metric['name']:<{width}}  {value:>10}  {deviation:>8}  {limit:>10}  {verdict}")
    return lines + [line for part in result.summary["slices"] for line in _slice(part)]


def _slice(part: Mapping[str, Any]) -> list[str]:
    """The groups that do worst by one metric."""
    found = []
    for value in part["values"]:
        metrics = {metric["name"]: metric["value"] for metric in value["metrics"]}
        name = "rmse" if "rmse" in metrics else "accuracy"
        if metrics.get(name) is not None:
            found.append((metrics[name] if name == "accuracy" else -metrics[name], name, value))
    found.sort(key=lambda item: (item[0], item[2]["value"]))
    small = part["suppressed"]
    notes = [f"{len(part['values']) - SLICES_SHOWN} more in the report"] if len(part["values"]) > SLICES_SHOWN else []
    notes += (
        [f"{small['values']} too small to be told ({counted(small['records'], 'record')})"] if small["values"] else []
    )
    notes += ["too many different values"] if part["has_many_values"] else []
    if not found and not notes:
        return []
    lines = ["", f"by {part['name']}" + (f" ({'; '.join(notes)})" if notes else "")]
    width = min(max((len(value["value"]) for _, _, value in found[:SLICES_SHOWN]), default=0), NAME_WIDTH)
    for score, name, value in found[:SLICES_SHOWN]:
        text = value["value"] if len(value["value"]) <= width else value["value"][: width - 3] + "..."
        lines.append(f"  {text:<{width}}  {name} {_number(abs(score))}  {counted(value['item_count'], 'record')}")
    return lines


def _custom(result: MonitorResult) -> list[str]:
    """Custom metrics with their limits, and what could not be computed."""
    if result.type is not MonitoringType.CUSTOM_METRICS:
        return []
    checks = {check.subject: check for check in result.conclusion.checks}
    metrics: Sequence[Mapping[str, Any]] = result.summary.get("metrics", ())
    width = max(len("custom metric"), *(len(metric["name"]) for metric in metrics)) if metrics else 0
    lines = [f"{'custom metric':<{width}}  {'value':>10}  {'limit':>10}  status"] if metrics else []
    for metric in metrics:
        check = checks.get(metric["name"])
        value, limit = _number(metric["value"]), _number(check.allowed if check else None)
        is_violated = check is not None and check.outcome is Outcome.VIOLATED
        status = str(Outcome.VIOLATED) if is_violated else metric["status"]
        status += f": {metric['reason']}" if metric["reason"] else ""
        lines.append(f"{metric['name']:<{width}}  {value:>10}  {limit:>10}  {status}")
    return lines + [f"failed: {each['name']}: {each['reason']}" for each in result.summary.get("failures", ())]


def _bias(result: MonitorResult) -> list[str]:
    """Each group against the rest: how many records, and every metric with its limit; what has no value is told below."""
    if result.type is not MonitoringType.MODEL_BIAS or not result.summary:
        return []
    checks = {(c.facet, c.facet_value, c.metric_name): c for c in result.conclusion.checks if isinstance(c, BiasCheck)}
    lines = [f"labels: {result.summary['labelled']:,} of {counted(result.summary['records'], 'prediction')}"]
    spelled_out: set[str] = set()
    for part in result.summary["facets"]:
        group = f"{part['facet']} {part['group']}".strip()
        if part["reason"]:
            lines += ["", f"{group}: {part['reason']}"]
            continue
        lines += ["", f"{group}: {part['disadvantaged']:,} records against {part['advantaged']:,}"]
        lines += [f"{'metric':<8}  {'value':>10}  {'limit':>10}  verdict"]
        for name, found in (*part["pre"].items(), *part["post"].items()):
            if found["value"] is None:
                continue
            check = checks.get((part["facet"], part["value_or_threshold"], name))
            value = found["value"] if isinstance(found["value"], str) else _number(found["value"])
            limit = _number(check.allowed if check else None)
            verdict = NO_VALUE if check is None else str(check.outcome).replace("_", " ")
            words = "" if name in spelled_out else DESCRIPTIONS.get(name, "").removesuffix(f" ({name})")
            spelled_out.add(name)
            lines.append(f"{name:<8}  {value:>10}  {limit:>10}  {verdict:<13}  {words}".rstrip())
    return lines


def _attributions(result: MonitorResult) -> list[str]:
    """How features were explained, and of each label the first of them."""
    if result.type is not MonitoringType.MODEL_EXPLAINABILITY:
        return []
    found = result.summary
    explained, records = found.get("records_explained", 0), found.get("records", 0)
    lines = [f"attributions: {found.get('method')}, {explained} of {counted(records, 'record')} explained"]
    for label in found.get("labels", ()):
        ranked = sorted(label["attributions"].items(), key=lambda item: -abs(item[1]))
        named = ", ".join(f"{feature} {_number(value)}" for feature, value in ranked[:RANKED_FEATURES])
        more = f" and {len(ranked) - RANKED_FEATURES} more" if len(ranked) > RANKED_FEATURES else ""
        lines.append(f"  {label['name']}  ndcg {_number(label['ndcg'])}  {named}{more}")
    return lines


def _verdict(checks: list[Check]) -> str:
    violated = [check.check_type for check in checks if check.outcome is Outcome.VIOLATED]
    if violated:
        return "violated: " + ", ".join(map(str, violated))
    return "held" if any(check.outcome is Outcome.HELD for check in checks) else "not evaluated"


def _violations(result: MonitorResult) -> list[str]:
    violations = result.conclusion.violations
    if not violations:
        return []
    return [
        "",
        "violations",
        *(f"  {check.subject}: {check.check_type}. {_rounded(check.description)}" for check in violations),
    ]


def _not_evaluated(result: MonitorResult) -> list[str]:
    by_reason: dict[str, int] = defaultdict(int)
    for check in result.conclusion.checks:
        if check.outcome is Outcome.NOT_EVALUATED:
            by_reason[check.description] += 1
    if not by_reason:
        return []
    return ["", "not evaluated", *(f"  {count:>7}  {reason}" for reason, count in by_reason.items())]


def _share(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    """Four decimals; of what is tiny or large as many digits as an eye compares."""
    if value is None:
        return NO_VALUE
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.{DIGITS}g}"


def _rounded(text: str) -> str:
    """A sentence with its numbers as short as an eye compares them; as it is where two of them would look the same.

    The files have every digit.
    """
    short = {number: f"{float(number):.{DIGITS}g}" for number in NUMBER.findall(text) if len(number) > DIGITS + 2}
    others = {number for number in NUMBER.findall(text) if number not in short}
    if len({*map(float, short.values()), *map(float, others)}) < len(short) + len(others):
        return text
    return NUMBER.sub(lambda match: short.get(match[0], match[0]), text)
