"""Every shipped scenario on the embedded environment: all of it runs, nothing fails, and nothing grows unsaid."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bench.analysis.findings.plans import find_in_plans
from bench.analysis.trial import summarise
from bench.design.plan import Trial
from bench.environment.binaries import embedded_bindir
from bench.environment.embedded import Where, session
from bench.environment.populations import read_populations
from bench.experiment.explain import capture_plans
from bench.experiment.progress import Silence
from bench.experiment.scenario_file import read_text
from bench.experiment.target import open_target
from bench.experiment.trial import run_trial
from bench.model.sample import Outcome
from bench.model.scenario import Dataset
from bench.model.scenario_text import decode, read_raw
from tests.conftest import CHECKOUT, make_open_folder
from tests.growth import allowance, gains, overgrown, row_counts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.experiment.target import Target
    from bench.model.scenario import Scenario

pytestmark = pytest.mark.pg

SHIPPED = sorted(path.stem for path in (CHECKOUT / "scenarios").glob("*.toml"))
WORKLOADS = {
    "rating_lookup", "rating_calculation", "quote_lifecycle", "policy_crud", "claims_intake", "vehicle_search",
    "audit_trail", "sign_in", "rate_approval", "realtime_presence", "analytics_ingest", "production_mix",
}  # fmt: skip


@pytest.fixture(scope="module")
def target(pgbouncer: Path | None) -> Iterator[Target]:
    """An environment of this module's own, with the smallest data."""
    folder = make_open_folder()
    with (
        session(Where(folder / ".bench", embedded_bindir(), pgbouncer)) as environment,
        open_target(environment, Dataset(scale=0.01), [], Silence()) as reached,
    ):
        yield reached
    shutil.rmtree(folder)


def scenario(name: str) -> Scenario:
    """Read a shipped scenario as four busy clients for a moment, undisturbed, each operation as likely as any other."""
    text, source = read_text(str(CHECKOUT / "scenarios" / f"{name}.toml"))
    raw = read_raw(text, source)
    raw["operation"] = [{**operation, "weight": 1.0} for operation in raw["operation"]]
    raw["load"] = {"model": "closed", "clients": 4}
    raw["pool"] = {**raw["pool"], "size": 4, "workers": 1}
    raw["run"] = {"warmup": "100ms", "window": "500ms" if name != "production_mix" else "1500ms"}
    return decode({key: value for key, value in raw.items() if key not in ("sweep", "quick", "disturbance")}, source)


def test_all_workloads_are_shipped() -> None:
    """The mix blends every one of them, so that none is forgotten there."""
    assert set(SHIPPED) >= WORKLOADS
    text, source = read_text(str(CHECKOUT / "scenarios" / "production_mix.toml"))
    blended = {entry.split(":")[0] for entry in decode(read_raw(text, source), source).include}
    assert blended == WORKLOADS - {"production_mix"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario_runs_without_an_error_and_grows_as_it_says(target: Target, name: str) -> None:
    """Every operation is executed, each as it expects, and no table has more rows than ``adds`` and ``keeps`` allow."""
    what = scenario(name)
    populations = read_populations(target.direct, what.operation)
    before = row_counts(target.admin)
    record = run_trial(target, what, Trial(f"{name}-1", 0, {}, 1), populations)

    outcomes = Counter(Outcome(code).label for code in record.samples.outcome.tolist())
    assert set(outcomes) == {"ok"}, record.facts.notes
    assert record.facts.timeline is not None, record.facts.notes
    assert record.facts.timeline.readings
    executed = Counter(record.samples.operation.tolist())
    assert set(executed) == set(range(len(what.operation)))
    allowed = allowance(what, executed)
    assert set(allowed) <= set(before)
    assert not overgrown(what, gains(before, row_counts(target.admin)), allowed)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "production_mix"])
def test_no_plan_of_a_shipped_scenario_has_a_severe_fault(target: Target, name: str) -> None:
    """The mix only blends the operations of the others."""
    what = scenario(name)
    captured = capture_plans(target, what, read_populations(target.direct, what.operation))
    explained = {fact.operation for fact in captured.facts if fact.load}
    assert explained >= {operation.name for operation in what.operation if operation.expect == "success"}
    found = find_in_plans(captured.facts, what)
    assert [finding.summary for finding in found if finding.severity == "high"] == []
    assert captured.caveats == []


def test_servers_of_our_own_are_disturbed_as_declared_and_the_recovery_is_told(target: Target) -> None:
    """Paused, cut off and restarted under one load: each is a fact of the trial, and the load goes on after all."""
    text, source = read_text(str(CHECKOUT / "scenarios" / "pool_exhaustion.toml"))
    raw = read_raw(text, source)
    raw["load"] = {"model": "open", "rate": "100/s"}
    raw["run"] = {"warmup": "200ms", "window": "5s"}
    raw["disturbance"] = [
        {"kind": "pause_pooler", "at": "1s", "lasts": "100ms"},
        {"kind": "drop_connections", "at": "2s"},
        {"kind": "restart_pooler", "at": "3s", "lasts": "100ms"},
    ]
    what = decode({key: value for key, value in raw.items() if key not in ("sweep", "quick")}, source)
    trial = Trial("disturbed-1", 0, {}, 1)
    record = run_trial(target, what, trial, read_populations(target.direct, what.operation))
    assert [one.kind for one in record.facts.disturbed] == ["pause_pooler", "drop_connections", "restart_pooler"]
    for one in record.facts.disturbed:
        assert one.since_ns < one.until_ns
    last_ns = record.facts.disturbed[-1].until_ns
    samples = record.samples
    assert (samples.where(samples.outcome == Outcome.OK).intended_ns > last_ns).any()
    summary = summarise(trial, record.facts, samples, what)
    assert [one.disturbed for one in summary.recoveries] == list(record.facts.disturbed)
    assert sum(caveat.code == "disturbed" for caveat in summary.caveats) == 3
    assert summary.valid_for()
