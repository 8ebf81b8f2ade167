"""Four situations planted on real servers look alike in the queue, and each gets its own answer.

pgBouncer's thread cannot be brought to its limit on two cores, where load and server need a core each; that answer is
planted as recorded facts in ``tests/analysis/test_bottleneck.py``.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.analysis.bottleneck import name_bottleneck
from bench.analysis.trial import summarise
from bench.design.plan import Trial
from bench.environment.embedded import own_pids
from bench.experiment.trial import run_trial
from tests.experiment.targets import target_of
from tests.load.trials import scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.bottleneck import Bottleneck
    from bench.environment.embedded import Environment
    from bench.model.scenario import Scenario

PLANTED = """
name = "planted"
load = {{ model = "closed", clients = {clients} }}
pool = {{ size = {size}, workers = 1, reset = "none" }}
pooler = {{ kind = "none" }}
run = {{ warmup = "200ms", window = "600ms" }}
[[operation]]
name = "planted"
sql = '''{sql}'''
"""
BUSY = "SELECT count(*) FROM generate_series(1, 40000) AS g WHERE sqrt(g) > 10"
SITUATIONS = {
    "pool": PLANTED.format(clients=50, size=2, sql="SELECT pg_sleep(0.05)"),
    "server": PLANTED.format(clients=48, size=24, sql=BUSY),
    "generator": PLANTED.format(clients=64, size=32, sql="SELECT 1"),
}
LOOKS = 4
"""Other work on this machine can hide a ceiling for a while, so a situation may be looked at again."""


def _look(environment: Environment, what: Scenario, block: int) -> Bottleneck | None:
    trial = Trial(f"b{block}", block, {}, block)
    record = run_trial(target_of(environment), what, trial, {})
    return name_bottleneck([summarise(trial, record.facts, record.samples, what)])


@contextlib.contextmanager
def _preferred(environment: Environment) -> Iterator[None]:
    """Let the server have the cores before other tests: the kernel shares them out by session, not by process.

    Only root may, and only where sessions are grouped (autogroup); elsewhere looking again has to do.
    """
    server_pid, _ = own_pids(environment)
    group = Path(f"/proc/{server_pid}/autogroup")
    with contextlib.suppress(OSError):
        group.write_text("-10")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            group.write_text("0")


@pytest.mark.pg
@pytest.mark.parametrize("kind", list(SITUATIONS))
def test_a_planted_situation_gets_its_own_answer(environment: Environment, kind: str) -> None:
    what = scenario(SITUATIONS[kind])
    seen = []
    for block in range(1, LOOKS + 1):
        with _preferred(environment) if kind == "server" else contextlib.nullcontext():
            known = _look(environment, what, block)
        seen.append(known)
        if known is not None and known.kind == kind:
            break
    assert known is not None, seen
    assert known.kind == kind, [(one.kind, one.evidence) for one in seen if one]
    assert known.load.server is not None
    assert known.load.wait_share > 0.1
