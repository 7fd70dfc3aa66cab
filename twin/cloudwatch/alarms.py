"""CloudWatch alarms: kept, evaluated every virtual minute over sliding windows, and acted upon when their state changes.

A state change runs the actions of the new state (SNS topics and Lambda functions) and sends an EventBridge event. An alarm
that keeps its state does nothing. Settings that the twin cannot honour are refused when the alarm is put.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from twin.api import ApiError, Call
from twin.clock import Order
from twin.cloudwatch import alarm_messages, metrics
from twin.cloudwatch.alarm_rules import Rule, RuleError, parse as parse_rule
from twin.cloudwatch.alarm_settings import ACTIONS_OF, check, check_common
from twin.cloudwatch.alarm_state import INSUFFICIENT_DATA, Conclusion, conclude, evaluation_range
from twin.cloudwatch.metric_queries import Queries, invalid
from twin.cloudwatch.metrics import MetricStore
from twin.cloudwatch.suppression import Held, suppressor_of
from twin.iam.service_principals import CLOUDWATCH
from twin.listing import has, is_between, page
from twin.surroundings import Surroundings

PAGE: Final = 100  # items of a history
STATES: Final = ("OK", "ALARM", "INSUFFICIENT_DATA")


@dataclass(slots=True)
class Alarm:
    """One alarm. `settings` is what was put; exactly one of `queries` and `rule` is there."""

    arn: str
    settings: dict[str, Any]
    configured: datetime
    queries: Queries | None = None
    rule: Rule | None = None
    state: str = INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    held: Held | None = None
    changed: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.changed = self.configured

    def describe(self) -> dict[str, Any]:
        """As DescribeAlarms shows it."""
        state = {
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateReasonData": self.reason_data,
            "StateUpdatedTimestamp": self.changed,
            "StateTransitionedTimestamp": self.changed,
        }
        return {**self.settings, **{key: value for key, value in state.items() if value is not None}}


class Alarms:
    """All alarms of the account."""

    def __init__(self, twin: Surroundings, store: MetricStore) -> None:
        self._twin, self._store = twin, store
        self._alarms: dict[str, Alarm] = {}
        self._history: list[dict[str, Any]] = []
        twin.api.register(
            "cloudwatch",
            PutMetricAlarm=self.put_metric_alarm,
            PutCompositeAlarm=self.put_composite_alarm,
            DescribeAlarms=self.describe,
            DescribeAlarmsForMetric=self.describe_for_metric,
            DescribeAlarmHistory=self.describe_history,
            DeleteAlarms=self.delete,
            SetAlarmState=self.set_state,
            TagResource=self.tag,
            UntagResource=self.untag,
            ListTagsForResource=self.list_tags,
            EnableAlarmActions=lambda parameters, _: self.set_actions_enabled(parameters, True),
            DisableAlarmActions=lambda parameters, _: self.set_actions_enabled(parameters, False),
        )
        twin.clock.register(self.tick, Order.ALARMS)

    # --- the API -------------------------------------------------------------------------------------------------------

    def put_metric_alarm(self, parameters: dict[str, Any], _: Call) -> None:
        settings = {key: value for key, value in parameters.items() if key != "Tags" and value is not None}
        self._keep(settings, parameters.get("Tags"), queries=check(settings))

    def put_composite_alarm(self, parameters: dict[str, Any], _: Call) -> None:
        settings = {key: value for key, value in parameters.items() if key != "Tags" and value is not None}
        check_common(settings)
        try:
            rule = parse_rule(settings["AlarmRule"])
        except RuleError as error:
            raise invalid(str(error)) from error
        suppressor = suppressor_of(settings)
        named = [*rule.alarms, *([suppressor] if suppressor else [])]
        unknown = [name for name in named if name not in self._alarms]
        if unknown:
            raise invalid(f"AlarmRule names alarms that do not exist: {', '.join(unknown)}")
        self._keep(settings, parameters.get("Tags"), rule=rule)

    def describe(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        names, prefix = parameters.get("AlarmNames"), parameters.get("AlarmNamePrefix", "")
        state, action = parameters.get("StateValue"), parameters.get("ActionPrefix", "")
        kinds = parameters.get("AlarmTypes") or ["MetricAlarm"]  # composites only on request, as the service does
        found = [
            alarm
            for name, alarm in self._alarms.items()
            if (not names or name in names)
            and name.startswith(prefix)
            and state in (None, alarm.state)
            and (not action or any(a.startswith(action) for a in alarm.settings.get("AlarmActions", ())))
        ]
        return {
            "MetricAlarms": [a.describe() for a in found if a.rule is None and "MetricAlarm" in kinds],
            "CompositeAlarms": [a.describe() for a in found if a.rule is not None and "CompositeAlarm" in kinds],
        }

    def describe_for_metric(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        key = metrics.metric_key(parameters["Namespace"], parameters["MetricName"], parameters.get("Dimensions") or ())
        alarms = [
            a for a in self._alarms.values() if a.queries and any(q.key == key for q in a.queries.metrics.values())
        ]
        return {"MetricAlarms": [alarm.describe() for alarm in alarms]}

    def describe_history(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        wanted = {name: parameters.get(name) for name in ("AlarmName", "HistoryItemType")}
        span = parameters.get("StartDate"), parameters.get("EndDate")
        items = [item for item in self._history if has(item, wanted) and is_between(item["Timestamp"], *span)]
        if parameters.get("ScanBy") != "TimestampAscending":
            items.reverse()
        return page("AlarmHistoryItems", items, parameters.get("NextToken"), parameters.get("MaxRecords") or PAGE)

    def delete(self, parameters: dict[str, Any], _: Call) -> None:
        names = set(parameters["AlarmNames"])
        used = {
            n for a in self._alarms.values() if a.rule and a.settings["AlarmName"] not in names for n in a.rule.alarms
        }
        if names & used:
            raise invalid(f"alarms of a composite alarm cannot be deleted before it: {', '.join(sorted(names & used))}")
        unknown = names - set(self._alarms)
        if unknown:
            raise ApiError("ResourceNotFound", f"no such alarm: {', '.join(sorted(unknown))}")
        for name in names:
            del self._alarms[name]

    def set_state(self, parameters: dict[str, Any], _: Call) -> None:
        alarm = self._alarms.get(parameters["AlarmName"])
        if alarm is None:
            raise ApiError("ResourceNotFound", f"no such alarm: {parameters['AlarmName']}")
        if parameters["StateValue"] not in STATES:
            raise invalid(f"StateValue must be one of {', '.join(STATES)}")
        self._move(alarm, parameters["StateValue"], parameters["StateReason"], parameters.get("StateReasonData"))

    def tag(self, parameters: dict[str, Any], _: Call) -> None:
        self._by_arn(parameters).tags.update((tag["Key"], tag["Value"]) for tag in parameters["Tags"])

    def untag(self, parameters: dict[str, Any], _: Call) -> None:
        tags = self._by_arn(parameters).tags
        for key in parameters["TagKeys"]:
            tags.pop(key, None)

    def list_tags(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._by_arn(parameters).tags.items()]}

    def _by_arn(self, parameters: Mapping[str, Any]) -> Alarm:
        for alarm in self._alarms.values():
            if alarm.arn == parameters["ResourceARN"]:
                return alarm
        raise ApiError("ResourceNotFoundException", f"no such alarm: {parameters['ResourceARN']}")

    def set_actions_enabled(self, parameters: dict[str, Any], enabled: bool) -> None:
        for name in parameters["AlarmNames"]:
            if name in self._alarms:
                self._alarms[name].settings["ActionsEnabled"] = enabled

    # --- evaluation ----------------------------------------------------------------------------------------------------

    def tick(self, now: datetime) -> None:
        """Evaluate every alarm; composites after what they watch."""
        for alarm in tuple(self._alarms.values()):
            if alarm.queries is not None:
                self._evaluate(alarm, alarm.queries, now)
        composites = [alarm for alarm in self._alarms.values() if alarm.rule is not None]
        for _ in composites:  # a composite may watch composites: at most as many rounds as there are
            moved = [self._evaluate_rule(alarm) for alarm in composites]
            if not any(moved):
                break
        for alarm in composites:
            self._let_act(alarm, now)

    def _evaluate(self, alarm: Alarm, queries: Queries, now: datetime) -> None:
        settings = alarm.settings
        periods = evaluation_range(settings["EvaluationPeriods"])
        row = queries.evaluate(self._store, now, periods)[queries.returned[0]]
        conclusion: Conclusion = conclude(
            row,
            comparison=settings["ComparisonOperator"],
            threshold=float(settings["Threshold"]),
            evaluation_periods=settings["EvaluationPeriods"],
            datapoints_to_alarm=settings.get("DatapointsToAlarm"),
            treat_missing_data=settings.get("TreatMissingData", "missing"),
        )
        if conclusion.state is None or conclusion.state == alarm.state:
            return
        length = timedelta(seconds=queries.period)
        points = [(now - length * (periods - at), float(row[at] or 0.0)) for at in reversed(conclusion.used)]
        text = alarm_messages.reason(settings, conclusion, points, conclusion.state, alarm.state)
        self._move(alarm, conclusion.state, text, alarm_messages.reason_data(settings, points, now, queries.period))

    def _evaluate_rule(self, alarm: Alarm) -> bool:
        assert alarm.rule is not None
        states = {name: other.state for name, other in self._alarms.items()}
        holds = alarm.rule.holds(states)
        state = "ALARM" if holds else "OK"
        if state == alarm.state:
            return False
        inside = ", ".join(f"{name} is {states.get(name)}" for name in alarm.rule.alarms)
        self._move(alarm, state, f"The rule {'holds' if holds else 'does not hold'}: {inside or alarm.rule.text}", None)
        return True

    def _move(self, alarm: Alarm, state: str, reason: str, reason_data: str | None) -> None:
        """Change the state and tell whoever is to know. Actions run on changes only."""
        previous = alarm.describe()
        alarm.state, alarm.reason, alarm.reason_data = state, reason, reason_data
        alarm.changed = self._twin.clock.now()
        name, old = alarm.settings["AlarmName"], previous["StateValue"]
        if state == old:
            return
        self._twin.journal.add(
            "alarm", f"{name}: {old} -> {state}", alarm=name, state=state, previous=old, reason=reason
        )
        states = {"version": "1.0", "oldState": _history_state(previous), "newState": _history_state(alarm.describe())}
        self._record(alarm, "StateUpdate", f"Alarm updated from {old} to {state}", states)
        if suppressor_of(alarm.settings) is None:
            self._act_all(alarm, previous)
        else:
            alarm.held = Held.again(alarm.held, previous, alarm.changed)
        detail = alarm_messages.event_detail(alarm.describe(), previous)
        self._twin.events.emit("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm.arn])

    def _let_act(self, alarm: Alarm, now: datetime) -> None:
        """Run what waited for a suppressor, once its waiting is over."""
        name = suppressor_of(alarm.settings)
        if alarm.held is None or name is None:
            return
        other = self._alarms.get(name)
        if alarm.held.may_act(alarm.settings, other.state if other else None, now):
            previous, alarm.held = alarm.held.previous, None
            if previous["StateValue"] != alarm.state:
                self._act_all(alarm, previous)

    def _act_all(self, alarm: Alarm, previous: Mapping[str, Any]) -> None:
        if alarm.settings.get("ActionsEnabled", True):
            for action in alarm.settings.get(ACTIONS_OF[alarm.state]) or ():
                self._act(alarm, action, previous)

    def _act(self, alarm: Alarm, action: str, previous: Mapping[str, Any]) -> None:
        description = alarm.describe()
        try:
            if ":sns:" in action:
                self._publish(alarm, action, description, previous)
            else:
                self._invoke(action, description, previous)
        except ClientError as error:
            self._record(
                alarm, "Action", f"Failed to execute action {action}", {"actionState": "Failed", "error": str(error)}
            )
            self._twin.journal.add("action-failed", f"{alarm.settings['AlarmName']}: {action}: {error}", action=action)
            return
        self._record(alarm, "Action", f"Successfully executed action {action}", {"actionState": "Succeeded"})

    def _publish(self, alarm: Alarm, topic: str, description: dict[str, Any], previous: Mapping[str, Any]) -> None:
        children = [
            {"Arn": child.arn, "State": {"Value": child.state, "Timestamp": alarm_messages.timestamp(child.changed)}}
            for child in (self._alarms.get(name) for name in (alarm.rule.alarms if alarm.rule else ()))
            if child is not None and child.state == "ALARM"
        ]
        message = alarm_messages.sns_message(
            description,
            old_state=previous["StateValue"],
            account=self._twin.account,
            region=self._twin.region,
            children=children,
        )
        subject = f'{alarm.state}: "{description["AlarmName"]}" in {alarm_messages.region_name(self._twin.region)}'
        topics = self._twin.client("sns", principal=CLOUDWATCH)  # needs the topic's policy and its key's
        topics.publish(TopicArn=topic, Subject=subject[:100], Message=message)

    def _invoke(self, function: str, description: dict[str, Any], previous: Mapping[str, Any]) -> None:
        event = {
            "source": "aws.cloudwatch",
            "alarmArn": description["AlarmArn"],
            "accountId": self._twin.account,
            "time": alarm_messages.timestamp(description["StateUpdatedTimestamp"]),
            "region": self._twin.region,
            "alarmData": alarm_messages.event_detail(description, previous),
        }
        payload = json.dumps(event).encode()
        self._twin.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)

    # --- keeping -------------------------------------------------------------------------------------------------------

    def _keep(
        self,
        settings: dict[str, Any],
        tags: list[dict[str, str]] | None,
        *,
        queries: Queries | None = None,
        rule: Rule | None = None,
    ) -> None:
        """A new alarm starts in INSUFFICIENT_DATA; an alarm put again keeps its state and its tags."""
        settings.setdefault("ActionsEnabled", True)
        name, now = settings["AlarmName"], self._twin.clock.now()
        arn = f"arn:aws:cloudwatch:{self._twin.region}:{self._twin.account}:alarm:{name}"
        alarm = Alarm(arn, settings, now, queries, rule)
        alarm.tags.update((tag["Key"], tag["Value"]) for tag in tags or ())
        before = self._alarms.get(name)
        if before is not None:
            alarm.tags = before.tags
            alarm.state, alarm.reason, alarm.reason_data = before.state, before.reason, before.reason_data
            alarm.changed = before.changed
        self._alarms[name] = alarm
        verb = "updated" if before else "created"
        self._record(
            alarm, "ConfigurationUpdate", f'Alarm "{name}" {verb}', {"version": "1.0", "type": verb.capitalize()}
        )

    def _record(self, alarm: Alarm, kind: str, summary: str, data: dict[str, Any]) -> None:
        self._history.append(
            {
                "AlarmName": alarm.settings["AlarmName"],
                "AlarmType": "CompositeAlarm" if alarm.rule else "MetricAlarm",
                "Timestamp": self._twin.clock.now(),
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": json.dumps(data),
            }
        )


def _history_state(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {"stateValue": alarm["StateValue"], "stateReason": alarm["StateReason"]}
