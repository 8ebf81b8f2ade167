"""Every shipped scenario under load for some time: `python -m tests.benchmarks.workloads --minutes 5 [SCENARIO …]`.

Each is run as it is written, but without its sweep and in one long window, on servers of its own with data of its own
scale. Beside the budgets stand what must not happen: errors, and tables that grow beyond what the scenario says.
"""

from __future__ import annotations

import argparse
import operator
import os
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environment import migrations
from bench.environment.dataset import provide_dataset
from bench.environment.embedded import Where, session
from bench.environment.pooler_binary import find_pgbouncer
from bench.experiment.progress import Silence
from bench.experiment.run import Request, run
from bench.experiment.scenario_file import read_scenario
from bench.model.scenario_text import Overrides
from bench.store.runs import open_run
from tests.benchmarks.bed import CHECKOUT
from tests.benchmarks.table import Row
from tests.growth import allowance, gains, overgrown, row_counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.measurement import Line, Measurement
    from bench.environment.embedded import Environment
    from bench.experiment.derive import Derived
    from bench.experiment.scenario_file import Planned
    from bench.model.facts import TrialFacts

HEAD = ("scenario", "operations", "throughput", "p95", "budgets", "verdict", "errors", "growth (at most)")


@dataclass(frozen=True, slots=True)
class Endured:
    """One scenario after its time."""

    cells: tuple[str, ...]
    """By column of ``HEAD``."""
    notes: tuple[str, ...]
    """Budgets that do not pass, and what the processes used."""
    verdict: str
    errors: int
    beyond: dict[str, int]
    """Tables that grew more than they may."""


def shipped() -> list[str]:
    """Return the names of all shipped scenarios, but for those that break something on purpose."""
    files = sorted((CHECKOUT / "scenarios").glob("*.toml"))
    return [path.stem for path in files if not read_scenario(str(path), Overrides(), quick=False).scenario.disturbance]


def plan(name: str, minutes: float) -> Planned:
    """Plan one long trial of a shipped scenario at the levels that stand outside its sweep."""
    path = str(CHECKOUT / "scenarios" / f"{name}.toml")
    swept = read_scenario(path, Overrides(), quick=False).scenario
    levels = {key: reduce(getattr, key.split("."), swept) for key in swept.sweep}
    settings = {**levels, "run.replicates": 1, "run.window": f"{round(minutes * 60_000)}ms"}
    return read_scenario(path, Overrides(settings), quick=False)  # type: ignore[arg-type]  # levels are what TOML holds


def endure(environment: Environment, planned: Planned, folder: Path) -> Endured:
    """Run one scenario for its time, and count the rows before and after."""
    scenario = planned.scenario
    provide_dataset(environment.admin, scenario.dataset, lambda _: None)
    before = row_counts(environment.admin)
    request = Request(planned, environment, folder / "results", folder / "reports", ("tests.benchmarks.workloads",))
    derived = run(request, Silence())
    gained = gains(before, row_counts(environment.admin))
    [stored] = open_run(derived.path, folder / "results").trials()
    executed = Counter(stored.samples().operation.tolist())
    allowed = allowance(scenario, executed)
    whole = next(one for one in derived.analysis.measurements if one.operation == "*")
    errors = sum(count for outcome, count in whole.outcomes.items() if outcome != "ok")
    lines = [line for line in derived.analysis.verdict.lines if line.verdict != "pass"]
    beyond = overgrown(scenario, gained, allowed)
    tables = sorted(table for table in {*gained, *beyond} if gained.get(table))
    cells = (
        scenario.name,
        f"{sum(executed.values()):,}",
        _estimate(whole, "throughput", 1, "/s"),
        _estimate(whole, "response_time.p95", 1000, " ms"),
        _budgets(derived),
        derived.analysis.verdict.verdict,
        f"{errors:,}",
        ", ".join(f"{table} {gained[table]:+,} ({allowed.get(table, 0):,})" for table in tables) or "none (0)",
    )
    notes = (*map(_open, lines), *_used(stored.facts))
    return Endured(cells, notes, derived.analysis.verdict.verdict, errors, beyond)


def _estimate(measurement: Measurement, metric: str, factor: float, unit: str) -> str:
    estimate = measurement.metrics.get(metric)
    if estimate is None:
        return measurement.refused[metric].reason
    values = (estimate.point, estimate.low, estimate.high)
    point, low, high = (f"{value * factor:,.1f}" for value in values)
    return f"{point}{unit} [{low}, {high}]"


def _budgets(derived: Derived) -> str:
    lines = derived.analysis.verdict.lines
    kept = sum(line.verdict == "pass" for line in lines)
    stated = next((line.budget for line in lines if line.operation == "*"), "")
    return f"{stated} and {len(lines) - 1} more: {kept} kept"


def _open(line: Line) -> str:
    seen = "not measured" if line.observed is None else f"{line.observed.point:.4g}"
    return f"{line.verdict}: {line.operation}, {line.budget}: {seen} {line.reason}".rstrip()


def _used(facts: TrialFacts) -> Iterator[str]:
    """Say what the processes took: P12 asks for bounded server connections and for memory."""
    workers = sum(worker.rss_bytes for worker in facts.workers)
    cpu_s = sum(worker.cpu_s for worker in facts.workers)
    yield f"workers: {len(facts.workers)}, peak memory {workers / 1e6:.0f} MB, CPU {cpu_s:.1f} s"
    pooler = facts.pooler
    if pooler is not None and pooler.gauges:
        servers = max(one.sv_active + one.sv_idle + one.sv_used for one in pooler.gauges)
        clients = max(one.cl_active + one.cl_waiting for one in pooler.gauges)
        memory = "not known" if pooler.rss_bytes is None else f"{pooler.rss_bytes / 1e6:.0f} MB"
        cpu = "not known" if pooler.cpu_s is None else f"{pooler.cpu_s:.1f} s"
        yield f"pooler: {clients:,} clients on {servers} server connections at most, memory {memory}, CPU {cpu}"
    if facts.server is not None and facts.server.backends_rss_bytes is not None:
        yield f"server processes: memory {facts.server.backends_rss_bytes / 1e6:.0f} MB (shared pages counted in each)"


def endure_all(names: Sequence[str], minutes: float, keep: Path | None) -> Iterator[Endured]:
    """Run the scenarios one after another; those with the same data follow each other."""
    planned = sorted((plan(name, minutes) for name in names), key=lambda one: one.scenario.dataset.scale)
    with tempfile.TemporaryDirectory(prefix="poolbench-workloads-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # the servers' account passes through
        binary = find_pgbouncer(None, CHECKOUT / ".bench")
        with session(Where(folder / ".bench", pgbouncer=binary)) as environment:
            migrations.upgrade(environment.admin.dsn())
            for one in planned:
                yield endure(environment, one, keep or folder)
        shutil.rmtree(folder / ".bench", ignore_errors=True)


def measure(names: Sequence[str] = (), *, minutes: float, keep: Path | None = None) -> Row:
    """Run them all; the details are the table."""
    done: list[Endured] = []
    for one in endure_all(names or shipped(), minutes, keep):
        sys.stderr.write(" | ".join(one.cells) + "\n")
        done.append(one)
    verdicts = Counter(one.verdict for one in done)
    errors = sum(one.errors for one in done)
    beyond = [f"{one.cells[0]}: {table} {rows:+,}" for one in done for table, rows in one.beyond.items()]
    said = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in ("pass", "inconclusive", "fail"))
    return Row(
        f"{len(done)} shipped scenarios, {minutes * 60:g} s each",
        f"{said}; {errors} errors; beyond their bound: {', '.join(beyond) or 'no table'}",
        "no failed budget, no error, no growth beyond the bound",
        met=not (verdicts["fail"] or errors or beyond),
        details=tabulate(done),
    )


def tabulate(done: Sequence[Endured]) -> list[str]:
    """Return the table, and below it what is not seen in it."""
    lines = [" | ".join(HEAD), " | ".join("---" for _ in HEAD), *(" | ".join(one.cells) for one in done)]
    notes = [f"{one.cells[0]}: {note}" for one in sorted(done, key=operator.attrgetter("cells")) for note in one.notes]
    return [*lines, *notes]


def main() -> None:
    """Print the row and its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="all that are shipped without any")
    parser.add_argument("--minutes", type=float, default=5, help="for each scenario")
    parser.add_argument("--keep", type=Path, help="folder for runs and reports, which are thrown away without it")
    options = parser.parse_args()
    sys.stdout.write(f"load average before: {os.getloadavg()[0]:.2f}\n")
    row = measure(options.scenarios, minutes=options.minutes, keep=options.keep)
    sys.stdout.write("\n".join(row.lines()) + "\n")


if __name__ == "__main__":
    main()
