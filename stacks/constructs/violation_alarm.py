"""An alarm on violations of one check type other than drift: broken data is for people to fix, and never trains a model."""

from __future__ import annotations

from constructs import Construct

from model_monitor import contract
from stacks.constructs.monitor_alarm import MonitorAlarmProps, watch

MEANINGS = {
    contract.CheckType.DATA_TYPE: "values of another type than in the baseline",
    contract.CheckType.COMPLETENESS: "more missing values than the baseline allows",
    contract.CheckType.MISSING_COLUMN: "features that did not arrive at all",
    contract.CheckType.EXTRA_COLUMN: "features that the baseline does not know",
    contract.CheckType.CATEGORICAL_VALUES: "categories that the baseline does not know",
    contract.CheckType.NON_NEGATIVE: "negative values where the baseline has none",
}


class ViolationAlarm(Construct):
    """Fires when a run violates one type of check. name: of the alarm."""

    def __init__(
        self, scope: Construct, construct_id: str, props: MonitorAlarmProps, check: contract.CheckType
    ) -> None:
        super().__init__(scope, construct_id)
        what = check.removesuffix("_check").replace("_", "-")
        watch(
            self,
            "Alarm",
            props,
            metric=props.monitor.metric(contract.violations_metric(check)),
            what=what,
            description=f"Runs of {props.monitor.schedule_name} found {MEANINGS[check]}. The report names the features.",
            threshold=1,
        )
        self.name = props.name(what)
