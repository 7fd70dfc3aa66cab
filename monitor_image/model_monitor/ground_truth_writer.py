"""Ground truth as an application should write it: the public door of `labels/writer.py`; importing it loads no library.

from model_monitor.ground_truth_writer import write_labels
"""

from model_monitor.labels.writer import Written, file_contents, group, write_labels

__all__ = ["Written", "file_contents", "group", "write_labels"]
