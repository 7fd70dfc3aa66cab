"""What `python -m stacks.settings` does: validate environment files, print their schema, name the services that they need."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stacks.settings import services
from stacks.settings.environment import Settings, SettingsFaults, load, schema


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stacks.settings",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Tells whether environment files can be deployed, without AWS and without the CDK: every fault at once, each with its path.
An environment is named by its file: environments/dev.yaml is deployed with -c env=dev.""",
        epilog="""\
A small environment file; everything else has a default:

  version: 1
  account: "123456789012"               # in quotes: it is text
  region: eu-west-1
  alarms: {email: [ml-on-call@example.com]}
  endpoints:
    shop:                               # the endpoint's name
      model:
        image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:3
        artifact: s3://models/shop/model.tar.gz
      payload: {features: [age, {name: income, type: Fractional, privacy: restricted}], label: bought}
      monitors:
        data-quality:                   # its schedule is shop-data-quality
          baseline: {dataset: s3://models/shop/baseline.csv}

For help while you write, let your editor validate against the schema:
  python -m stacks.settings --schema > build/environment.schema.json

Exit status: 0 every file is valid, 1 a file has faults, 2 wrong arguments.""",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="an environment file, such as environments/dev.yaml"
    )
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema: every setting with meaning, range and default"
    )
    parser.add_argument(
        "--services",
        action="store_true",
        help="also name the VPC endpoints that the environment needs in subnets without a way out",
    )
    return parser


def _told(path: Path, settings: Settings, *, has_services: bool) -> str:
    """What is said of a valid file."""
    lines = [f"{path}: valid, {len(settings.endpoints)} endpoints in {settings.account}/{settings.region}"]
    if has_services:
        lines += [f"  {service.name(settings.region)}" for service in services.needed(settings)]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Print the schema, or validate files."""
    known = _parser()
    options = known.parse_args(arguments)
    if options.schema:
        sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
        return 0
    if not options.files:
        known.error("name an environment file, for example environments/dev.yaml")
    status = 0
    for argument in options.files:
        try:
            settings = load(argument)
        except SettingsFaults as faults:
            sys.stderr.write(f"{faults}\n")
            status = 1
        else:
            sys.stdout.write(_told(argument, settings, has_services=options.services))
    return status
