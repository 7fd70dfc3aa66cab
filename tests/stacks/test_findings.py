"""Security rules: clean, and nothing accepted that is not there any more."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.synthesis import ROOT, Assembly

pytestmark = pytest.mark.xdist_group("synth")

ACKNOWLEDGED = "aws:cdk:acknowledged-rules"


def acknowledgements(assembly: Assembly) -> dict[tuple[str, str], str]:
    """(construct, id of the rule) → reason, of every acknowledgement in the assembly."""
    found = {}
    for path in assembly.folder.glob("*.metadata.json"):
        for construct, entries in json.loads(path.read_text()).items():
            for entry in entries:
                if entry["type"] == ACKNOWLEDGED:
                    found.update({(construct.lstrip("/"), rule): reason for rule, reason in entry["data"].items()})
    return found


def test_no_finding_is_unexplained(assembly):
    violations = [finding for report in assembly.report["pluginReports"] for finding in report.get("violations", ())]
    assert [(finding["ruleName"], finding["violatingConstructs"]) for finding in violations] == []


def test_the_rules_of_aws_solutions_did_run(assembly):
    assert "AwsSolutions" in [report["pluginName"] for report in assembly.report["pluginReports"]]


def test_every_acknowledgement_matches_a_finding(assembly):
    suppressed = {
        (finding["acknowledgedAt"], finding["acknowledgedId"])
        for report in assembly.report["pluginReports"]
        for finding in report.get("suppressedViolations", ())
    }
    assert suppressed
    assert set(acknowledgements(assembly)) == suppressed


def test_every_acknowledgement_gives_a_reason(assembly):
    assert all(len(reason.split()) >= 4 for reason in acknowledgements(assembly).values())


@pytest.mark.slow
def test_templates_satisfy_cfn_lint(assembly):
    templates = sorted(map(str, assembly.folder.glob("*.template.json")))
    linter = shutil.which("cfn-lint", path=str(ROOT / ".venv" / "bin")) or "cfn-lint"
    result = subprocess.run([linter, *templates], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("", 0), Path(templates[0]).parent
