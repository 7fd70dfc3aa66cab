"""SageMaker model monitoring: capture files in, statistics, violations and metrics out.

Nothing heavy is imported here, so that a synth can use `model_monitor.contract` without numpy installed.
"""

__version__ = "0.1.0"
