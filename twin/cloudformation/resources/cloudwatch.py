"""CloudWatch: alarms and dashboards."""

from __future__ import annotations

from twin.cloudformation.shapes import arguments, tags
from twin.cloudformation.types import Made, Properties, Request, Types


def register(types: Types) -> None:
    for kind, operation in (
        ("AWS::CloudWatch::Alarm", "PutMetricAlarm"),
        ("AWS::CloudWatch::CompositeAlarm", "PutCompositeAlarm"),
    ):
        types.register_type(
            kind,
            create=lambda request, operation=operation: _put_alarm(request, operation),  # type: ignore[misc]
            update=lambda request, operation=operation: _put_alarm(request, operation),  # type: ignore[misc]
            delete=lambda request: request.client("cloudwatch").delete_alarms(AlarmNames=[request.ref]),
            replaced_by={"AlarmName"},
        )
    types.register_type(
        "AWS::CloudWatch::Dashboard",
        create=_put_dashboard,
        update=_put_dashboard,
        delete=lambda request: request.client("cloudwatch").delete_dashboards(DashboardNames=[request.ref]),
        replaced_by={"DashboardName"},
    )


def _put_alarm(request: Request, operation: str) -> Made:
    wanted: Properties = dict(request.properties)
    name = request.ref or wanted.get("AlarmName") or request.name(limit=255)
    wanted["AlarmName"] = name
    if tags(request):
        wanted["Tags"] = tags(request)
    cloudwatch = request.client("cloudwatch")
    put = cloudwatch.put_metric_alarm if operation == "PutMetricAlarm" else cloudwatch.put_composite_alarm
    put(**arguments("cloudwatch", operation, wanted))
    return Made(name, {"Arn": f"arn:aws:cloudwatch:{request.twin.region}:{request.twin.account}:alarm:{name}"})


def _put_dashboard(request: Request) -> Made:
    name = request.ref or request.properties.get("DashboardName") or request.name(limit=255)
    request.client("cloudwatch").put_dashboard(
        DashboardName=name, DashboardBody=str(request.properties["DashboardBody"])
    )
    return Made(name)
