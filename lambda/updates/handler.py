"""Updates Lambda: when SageMaker changes an endpoint, says so as a metric, so that pages about its service wait meanwhile.

Environment: NAMESPACE. Event: EventBridge's `SageMaker Endpoint State Change`. The metric has values in the minutes of a change
alone, so it costs next to nothing.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from aws import client, log

METRIC = "endpoint_updating"


def handle(event: dict[str, Any], _context: object = None) -> dict[str, str]:
    """One value at the time of the change. Raises: KeyError for an event of another kind; what AWS says of a call."""
    endpoint, status = event["detail"]["EndpointName"], event["detail"]["EndpointStatus"]
    client("cloudwatch").put_metric_data(
        Namespace=os.environ["NAMESPACE"],
        MetricData=[
            {
                "MetricName": METRIC,
                "Dimensions": [{"Name": "Endpoint", "Value": endpoint}],
                "Timestamp": datetime.fromisoformat(event["time"]),
                "Value": 1.0,
                "Unit": "Count",
            }
        ],
    )
    log("changed", endpoint=endpoint, status=status)
    return {"endpoint": endpoint, "status": status}
