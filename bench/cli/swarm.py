"""`bench swarm`."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING

import click

from bench.cli.known_names import complete_runs, complete_scenarios
from bench.cli.options import (
    override_options,
    read_overrides,
    reports_option,
    results_option,
    where_options,
)
from bench.cli.output import COULD_NOT_RUN, json_option, verdict_code, warn_only_option
from bench.cli.progress import choose_progress
from bench.cli.repeat import repeatable, resume_command
from bench.cli.summary import judged, print_outcome
from bench.environment.attached import attach
from bench.environment.embedded import Where
from bench.environment.safeguard import guard_worker
from bench.experiment.resume import take_up
from bench.experiment.run import Request, run
from bench.experiment.scenario_file import read_scenario
from bench.experiment.swarm import local_spec, on_locust
from bench.load.swarm.hive import SwarmSpec, start_worker
from bench.load.swarm.order import WorkerSettings
from bench.model.errors import ScenarioError, SetupError
from bench.model.scenario_text import Overrides

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from bench.environment.attached import Attachment
    from bench.experiment.scenario_file import Planned
    from bench.model.scenario import Scenario

LOCUST_PORT = 5557
"""Locust's own default, where its workers look for a master."""

ANYWHERE = "*"


@click.command("swarm")
@click.argument("scenario", required=False, shell_complete=complete_scenarios)
@click.option("--quick", is_flag=True, help="Fewer replicates and shorter windows; says what it cannot claim.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Worker processes on this machine.  [default: the scenario's, or one a core; 0 with --master]",
)
@click.option("--master", "is_master", is_flag=True, help="Take workers of other machines too.")
@click.option("--expect-workers", "expected", type=click.IntRange(min=1), help="Wait for so many, local ones included.")
@click.option(
    "--max-wait",
    "wait_s",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Seconds to wait for them before giving up.",
)
@click.option("--bind-host", help="Address on which the master listens.  [default: 127.0.0.1; * with --master]")
@click.option("--bind-port", type=click.IntRange(0, 65535), help="Its port.  [default: any; 5557 with --master]")
@click.option("--web", is_flag=True, help="Show Locust's page while the trials run.")
@click.option("--web-host", default="127.0.0.1", show_default=True, help="Address of the page.")
@click.option("--web-port", type=click.IntRange(1, 65535), default=8089, show_default=True, help="Port of the page.")
@click.option("--worker", "is_worker", is_flag=True, help="Be a worker of a master elsewhere; takes no SCENARIO.")
@click.option("--master-host", default="127.0.0.1", show_default=True, help="Where that master is.")
@click.option("--master-port", type=click.IntRange(1, 65535), default=LOCUST_PORT, show_default=True, help="Its port.")
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Take up this unfinished run where it stopped; it knows its scenario.",
)
@override_options
@where_options
@results_option
@reports_option
@warn_only_option
@json_option
def command(
    scenario: str | None,
    *,
    quick: bool,
    workers: int | None,
    is_master: bool,
    expected: int | None,
    wait_s: float,
    bind_host: str | None,
    bind_port: int | None,
    web: bool,
    web_host: str,
    web_port: int,
    is_worker: bool,
    master_host: str,
    master_port: int,
    resume: str | None,
    settings: tuple[str, ...],
    sweeps: tuple[str, ...],
    replicates: int | None,
    where: Where | Attachment,
    results_root: Path,
    reports_root: Path,
    warn_only: bool,
    as_json: bool,
) -> None:
    """Run SCENARIO on Locust: psycopg under gevent, in worker processes of this machine or of many.

    The trials, the run folder, the measurements and the report are those of `bench run` with `pool.driver = "locust"`.
    A worker that is lost or late is a caveat of its trial. Passwords never travel between machines: each worker is told
    where the database is by its own options, PG* variables or password file.

    \b
    Examples:
      bench swarm rating_lookup --quick
      bench swarm rating_lookup --web --set load.clients=200
      bench swarm mine.toml --master --expect-workers 4 --dsn postgresql://app@db.internal/insurance
      bench swarm --worker --workers 2 --master-host 10.0.0.1 --dsn postgresql://app@db.internal/insurance
    """
    if is_worker:
        if is_master or scenario or resume or web:
            raise ScenarioError(
                "`--worker` serves the scenario of its master", remedy="Leave out SCENARIO, --master, --resume, --web."
            )
        sys.exit(_serve(where, (master_host, master_port), workers or 1))
    overrides = read_overrides(settings, sweeps, replicates)
    if resume is None and (count := expected or workers):  # so that the run's own folder says how many there were
        overrides = overrides.then(Overrides({"pool.workers": count}))
    planned = _plan(scenario, resume, overrides, results_root, quick=quick)
    spec = _spec(planned.scenario, workers, expected, is_master=is_master)
    spec = dataclasses.replace(
        spec,
        host=bind_host or (ANYWHERE if is_master else "127.0.0.1"),
        port=bind_port if bind_port is not None else (LOCUST_PORT if is_master else 0),
        web=(web_host, web_port) if web else None,
        wait_s=wait_s,
    )
    request = Request(planned, where, results_root, reports_root, repeatable(sys.argv), resume, resume_command(), spec)
    with choose_progress() as progress:
        derived = run(request, progress)
    print_outcome(derived, as_json=as_json, kind="swarm")
    if not any(measurement.valid for measurement in derived.analysis.measurements):
        sys.exit(COULD_NOT_RUN)  # a lost worker and the like: there is nothing to judge
    sys.exit(verdict_code(judged(derived.analysis.verdict), warn_only=warn_only))


def _plan(
    scenario: str | None, resume: str | None, overrides: Overrides, results_root: Path, *, quick: bool
) -> Planned:
    if resume is None:
        if scenario is None:
            raise click.UsageError("Missing argument 'SCENARIO' (or --resume RUN, or --worker).")
        return read_scenario(scenario, on_locust(overrides), quick=quick)
    if scenario or quick or overrides.settings or overrides.sweeps:
        raise ScenarioError(
            "`--resume` goes on with the run as it was planned: scenario and overrides come from it",
            remedy="Leave them out, or start a new run without `--resume`.",
        )
    return take_up(resume, results_root)


def _spec(scenario: Scenario, workers: int | None, expected: int | None, *, is_master: bool) -> SwarmSpec:
    usual = SwarmSpec(0, 1) if is_master else local_spec(scenario)
    local = usual.local if workers is None else workers
    if expected is None:
        expected = max(local, usual.expected) if is_master else local
    if not expected or (expected > local and not is_master):
        raise ScenarioError(
            f"{expected} workers are expected, and {local} are started here",
            remedy="Raise `--workers`, or take workers of other machines with `--master`.",
        )
    if expected < local:
        raise ScenarioError(
            f"{expected} workers are expected, and {local} are started here alone",
            remedy="`--expect-workers` counts the local ones too: raise it, or lower `--workers`.",
        )
    return SwarmSpec(local, expected)


def _serve(where: Where | Attachment, master: tuple[str, int], count: int) -> int:
    """Run worker processes until their master is done; returns the first exit code that is not 0."""
    if isinstance(where, Where):
        raise ScenarioError(
            "a worker has to be told where the database is",
            remedy="Give `--dsn` and, if the load goes through a pooler, `--pooler-dsn`, as this machine sees them.",
        )
    with attach(where) as reached:
        direct, pooled = guard_worker(reached.direct, reached.pooled, where.limits)
        settings = WorkerSettings(*master, os.getpid(), direct, pooled)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes += [start_worker(settings) for _ in range(count)]
        codes = [process.wait() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    failed = [code for code in codes if code]
    if failed:
        raise SetupError(
            f"{len(failed)} of {count} workers ended before their master was done",
            evidence=f"exit status {failed[0]}",
            remedy="Their own words stand above; check `--master-host` and `--master-port`.",
        )
    return 0
