"""Metrics of a user's own: what a module or an installed package imports to declare one.

    from model_monitor.custom import Table, metric

    @metric(name="cost_weighted_error", worse="greater", threshold=0.2, columns=("amount",))
    def cost_weighted_error(table: Table) -> float | None:
        ...

`docs/custom-metrics.md` is the guide.
"""

from model_monitor.monitors.custom_metrics.declaration import CustomMetric, metric
from model_monitor.monitors.custom_metrics.table import Table

__all__ = ["CustomMetric", "Table", "metric"]
