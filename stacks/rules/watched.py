"""Nothing runs unseen: schedules have alarms, functions and state machines have logs that end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stacks.rules.rule import Finding, Rule
from stacks.rules.templates import Templates, blocks, resources

SCHEDULES: Final = {"AWS::SageMaker::MonitoringSchedule": "MonitoringScheduleName", "AWS::Scheduler::Schedule": "Name"}


def silent_schedules(templates: Templates) -> Iterator[Finding]:
    """Schedules of monitors, which are known by their names, of which no alarm that acts watches a metric."""
    watched = {
        str(dimension["Value"])
        for alarm in resources(templates, "AWS::CloudWatch::Alarm")
        if alarm.properties.get("AlarmActions")
        for dimension in blocks(alarm.properties, "Name", "Value")
        if dimension["Name"] == "MonitoringSchedule"
    }
    for type_, key in SCHEDULES.items():
        for schedule in resources(templates, type_):
            name = schedule.properties.get(key)
            if name is not None and str(name) not in watched:
                yield Finding(schedule, f"no alarm of {name}")


def unlogged(templates: Templates) -> Iterator[Finding]:
    """Functions and state machines that write no log of ours, and logs that are kept for ever."""
    for function in resources(templates, "AWS::Lambda::Function"):
        if not function.properties.get("LoggingConfig", {}).get("LogGroup"):
            yield Finding(function, "Properties.LoggingConfig")
    for machine in resources(templates, "AWS::StepFunctions::StateMachine"):
        logging: dict[str, Any] = machine.properties.get("LoggingConfiguration", {})
        if logging.get("Level") not in ("ALL", "ERROR") or not logging.get("Destinations"):
            yield Finding(machine, "Properties.LoggingConfiguration")
        elif logging.get("IncludeExecutionData"):
            yield Finding(machine, "Properties.LoggingConfiguration.IncludeExecutionData")
    for group in resources(templates, "AWS::Logs::LogGroup"):
        if not group.properties.get("RetentionInDays"):
            yield Finding(group, "Properties.RetentionInDays")


RULES: Final = (
    Rule(
        "ScheduleAlarms", "A schedule has an alarm that tells somebody.", "Make one of its metrics.", silent_schedules
    ),
    Rule(
        "Logged",
        "Functions and state machines log, without data, for a time.",
        "Give them a log group with a retention.",
        unlogged,
    ),
)
