"""`bench run`: environment, trials, plans, then analysis and report."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import __version__
from bench.environment.plans import explain
from bench.environment.populations import read_populations
from bench.experiment.derive import Derived, derive
from bench.experiment.preflight import check_connections
from bench.experiment.target import Target, open_target
from bench.experiment.trial import run_trial
from bench.model.errors import SetupError
from bench.model.facts import Caveat, PlanFact, RunFacts
from bench.store import runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.design.parameters import Populations
    from bench.experiment.progress import Progress
    from bench.experiment.scenario_file import Planned
    from bench.experiment.target import Attachment, Embedded
    from bench.store.runs import RunWriter

PLANS_PER_OPERATION = 3
"""Argument sets explained for each read operation."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    planned: Planned
    where: Embedded | Attachment
    results_root: Path
    reports_root: Path
    command: Sequence[str]


def run(request: Request, progress: Progress) -> Derived:
    """Run all trials and derive measurements, findings, verdict and report; finished trials survive any failure."""
    planned = request.planned
    with open_target(request.where, planned, progress) as target:
        check_connections(planned.treated.values(), target.usable_connections())
        populations = read_populations(target.direct, planned.scenario.operation)
        facts = _facts(request, target)
        writer = runs.create(request.results_root, facts, planned.text, planned.plan, target.host())
        try:
            plans = _explain_reads(target, planned, populations)
            _run_trials(target, planned, populations, plans, writer, progress)
        except BaseException as error:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            writer.stop(status)
            raise
        folder = writer.finish()
    return derive(folder, request.reports_root, progress)
