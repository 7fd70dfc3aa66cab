"""What HIPAA Security and NIST 800-53 r5 say of an app: reported, for whoever has to answer for it, and never blocking."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from aws_cdk import App
from cdk_nag import HIPAASecurityChecks, NIST80053R5Checks

FILE: Final = "compliance.json"
PACKS: Final = {"HIPAA.Security": HIPAASecurityChecks, "NIST.800.53.R5": NIST80053R5Checks}


def report(app: App) -> None:
    """Write compliance.json into the assembly, and say how much there is to read. The app must have been synthesized."""
    found = {pack: _findings(app, checks(app)) for pack, checks in PACKS.items()}
    path = Path(app.outdir) / FILE
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for pack, findings in found.items():
        constructs = sum(len(finding["constructs"]) for finding in findings)
        sys.stderr.write(f"{pack}: {len(findings)} rules find {constructs} constructs; not blocking, see {path}\n")


def _findings(app: App, checks: Any) -> list[dict[str, Any]]:
    return [
        {
            "rule": violation.rule_name,
            "description": violation.description,
            "constructs": sorted(str(resource.construct_path) for resource in violation.violating_resources),
        }
        for violation in checks.validate_scope(app).violations
    ]
