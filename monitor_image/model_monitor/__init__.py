"""SageMaker model monitoring: capture files in, statistics, violations and metrics out.

What programs outside may import stands in `PUBLIC`, and only that stays where it is from version to version. The command is
`model-monitor`. Nothing heavy is imported here, so that a synth can use `model_monitor.contract` without numpy installed.
"""

__version__ = "0.1.0"

PUBLIC = {  # module → names
    "model_monitor.api": (
        "MonitorError",
        "Result",
        "baseline",
        "draw_index",
        "draw_report",
        "frames",
        "monitor",
        "read_report",
    ),
    "model_monitor.custom": ("CustomMetric", "Table", "metric"),
    "model_monitor.ground_truth_writer": ("Written", "file_contents", "group", "write_labels"),
}
