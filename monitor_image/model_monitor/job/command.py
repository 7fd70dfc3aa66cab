"""`model-monitor config`: the laptop's configuration file of an endpoint that the kit deploys."""

from __future__ import annotations

import argparse
from typing import Final

from model_monitor.command import Command, Outcome


def _add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--env", required=True, metavar="NAME", help="environments/NAME.yaml of the kit's repository")
    command.add_argument("endpoint", metavar="ENDPOINT", help="an endpoint of the environment")
    command.add_argument("--monitor", metavar="NAME", help="which of its monitors, where it has several")


def _run(options: argparse.Namespace) -> Outcome:
    from model_monitor.job.environment import configuration_of

    return Outcome(configuration_of(options.env, options.endpoint, options.monitor).rstrip("\n"))


COMMAND: Final = Command("config", "print the configuration file of an environment's endpoint", _add_arguments, _run)
