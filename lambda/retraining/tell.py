"""Who hears of a decision: a file for audits, an event, a metric, and people where they have to know or to act.

Environment: TOPIC_ARN, NAMESPACE (of the metric), KMS_KEY (of the file).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import decisions
from aws import client, encrypted

EVENT_SOURCE, EVENT_TYPE = "model-monitor", "Retraining Decided"
METRIC = "retraining_decisions"
FOLDER = "retraining"  # of the bucket of reports
SUBJECT_MAX = 100
UPSTREAM = {"broken_data", "monitor_failed", "monitor_silent"}  # refusals that ask for a repair elsewhere
TOLD = ("endpoint", "schedule", "mode", "asked_by", "action", "rule", "reason", "detail", "run", "alarm")


def everybody(item: Mapping[str, Any], reports_uri: str, function: str) -> None:
    """Tell of one decision. It may be told twice when an invocation dies in between, and never not at all."""
    _file(item, reports_uri)
    _event(item)
    count(METRIC, {"Endpoint": str(item["endpoint"]), "Action": str(item["action"])}, str(item["decided_at"]))
    found = message(item, function)
    if found is not None:
        subject, text = found
        client("sns").publish(TopicArn=os.environ["TOPIC_ARN"], Subject=subject[:SUBJECT_MAX], Message=text)


def decision_id(item: Mapping[str, Any]) -> str:
    """What people name a decision by: {endpoint}/{key}."""
    return f"{item['endpoint']}/{item['sk']}"


def count(metric: str, dimensions: Mapping[str, str], time: str) -> None:
    """One more of something."""
    point = {
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Timestamp": decisions.time_of(time),
        "Value": 1.0,
        "Unit": "Count",
    }
    client("cloudwatch").put_metric_data(Namespace=os.environ["NAMESPACE"], MetricData=[point])


def message(item: Mapping[str, Any], function: str) -> tuple[str, str] | None:
    """Subject and text for people; None of what they need not know."""
    endpoint, detail = item["endpoint"], f" ({item['detail']})" if item["detail"] else ""
    lines = [f"Endpoint: {endpoint}", f"Alarm: {item['alarm'] or 'none'}", f"Reason: {item['reason']}{detail}"]
    lines += [f"Violations: {_counts(item)}"] if item.get("violations") else []
    lines += [f"Report: {uri}" for uri in item.get("reports", ())]
    if item["action"] == "propose":
        subject = f"Retraining proposed: {endpoint}"
        payload = json.dumps({"accept": decision_id(item)})
        lines += [
            f"Accept until {item['proposal_until']} by:",
            f"  aws lambda invoke --function-name {function} --cli-binary-format raw-in-base64-out "
            f"--payload '{payload}' /dev/stdout",
            "Nothing happens without it.",
        ]
    elif item["action"] == "start":
        subject = f"Retraining started: {endpoint}"
        lines.append(f"Training job: {item['run']}")
    elif item["reason"] in UPSTREAM:
        subject = f"Retraining refused, repair upstream: {endpoint}"
        lines.append("Repair what feeds the endpoint or its monitor. The alarm is looked at again while it lasts.")
    else:
        return None
    return subject, "\n".join([*lines, f"Decision: {decision_id(item)}"]) + "\n"


def _counts(item: Mapping[str, Any]) -> str:
    return ", ".join(f"{check} {int(count)}" for check, count in sorted(item["violations"].items()) if count)


def _file(item: Mapping[str, Any], reports_uri: str) -> None:
    place = str(item["sk"]).replace(":", "-").replace("#", "-")
    client("s3").put_object(
        Bucket=urlsplit(reports_uri).netloc,
        Key=f"{FOLDER}/{item['endpoint']}/{item['run'] or place}/decision.json",
        Body=json.dumps(document(item), indent=1, sort_keys=True).encode() + b"\n",
        ContentType="application/json",
        **encrypted(os.environ["KMS_KEY"]),
    )


def document(item: Mapping[str, Any]) -> dict[str, Any]:
    """A decision as JSON: without the table's own attributes, numbers as numbers."""
    own = {"pk", "sk", "expires", "is_done", "looks", "looked_at"}
    content = {name: value for name, value in item.items() if name not in own}
    found: dict[str, Any] = json.loads(json.dumps({**content, "decision": decision_id(item)}, default=int))
    return found


def _event(item: Mapping[str, Any]) -> None:
    detail = {name: item[name] for name in TOLD} | {
        "decision": decision_id(item),
        "decided_at": item["decided_at"],
        "reports": list(item.get("reports", ())),
    }
    entry = {"Source": EVENT_SOURCE, "DetailType": EVENT_TYPE, "Detail": json.dumps(detail)}
    answer = client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"EventBridge refused the event: {answer['Entries'][0].get('ErrorCode')}")
