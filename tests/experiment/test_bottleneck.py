"""Situations planted on real servers look alike in the queue, and each gets its own answer."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest

from bench.analysis.bottleneck import name_bottleneck
from bench.analysis.trial import summarise
from bench.design.plan import Trial
from bench.environment.account import server_account
from bench.environment.embedded import own_pids
from bench.environment.pooler_ini import PoolerSettings
from bench.experiment.trial import run_trial
from tests.conftest import make_open_folder
from tests.experiment.long_key import make_long_key
from tests.experiment.targets import target_of
from tests.load.trials import scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.analysis.bottleneck import Bottleneck
    from bench.analysis.summary import TrialSummary
    from bench.environment.embedded import Environment
    from bench.experiment.target import Target

PLANTED = """
name = "planted"
load = {{ model = "closed", clients = {clients} }}
pool = {{ size = {size}, workers = 1, reset = "none"{pool} }}
pooler = {{ kind = "{pooler}" }}
run = {{ warmup = "200ms", window = "{window}" }}
[[operation]]
name = "planted"
sql = '''{sql}'''
"""
BUSY = "SELECT count(*) FROM generate_series(1, 40000) AS g WHERE sqrt(g) > 10"
HOT = "UPDATE planted_counter SET n = n + 1 RETURNING pg_sleep(0.01)"
RECONNECTING = ", max_queries = 1, prime = false"


def _situation(clients: int, size: int, sql: str, pool: str = "", pooler: str = "none", window: str = "600ms") -> str:
    return PLANTED.format(clients=clients, size=size, sql=sql, pool=pool, pooler=pooler, window=window)


SITUATIONS = {
    "pool": _situation(50, 2, "SELECT pg_sleep(0.05)"),
    "server": _situation(48, 24, BUSY),
    "generator": _situation(64, 32, "SELECT 1"),
    "pooler": _situation(16, 8, "SELECT 1", RECONNECTING, "pgbouncer"),
    "locks": _situation(16, 16, HOT, window="2200ms"),
}
LOOKS = 4
"""Other work on this machine can hide a ceiling for a while, so a situation may be looked at again."""


def _look(target: Target, text: str, block: int) -> TrialSummary:
    what = scenario(text)
    trial = Trial(f"b{block}", block, {}, block)
    record = run_trial(target, what, trial, {})
    return summarise(trial, record.facts, record.samples, what)


@contextlib.contextmanager
def _first(*pids: int | None) -> Iterator[None]:
    """Let processes, and what they start, have the cores before other tests for the second of a look.

    Only root may; elsewhere looking again has to do. The kernel keeps a twentieth of each core for the others.
    """
    before = {pid or 0: (os.sched_getscheduler(pid or 0), os.sched_getparam(pid or 0)) for pid in pids}
    with contextlib.suppress(PermissionError):
        for pid in before:
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            for pid, (policy, parameter) in before.items():
                os.sched_setscheduler(pid, policy, parameter)


@contextlib.contextmanager
def _plain(environment: Environment) -> Iterator[Target]:
    yield target_of(environment)


@contextlib.contextmanager
def _busy(environment: Environment) -> Iterator[Target]:
    with _first(own_pids(environment)[0], 0):
        yield target_of(environment)


@contextlib.contextmanager
def _handshakes(environment: Environment) -> Iterator[Target]:
    """Let every client shake hands anew, for which the pooler signs with a long key, on its only thread."""
    folder, account = make_open_folder(), server_account()
    key, certificate = make_long_key(folder)
    for path in (key, certificate):
        os.chown(path, account.uid, account.gid)
    extra = (
        ("client_tls_sslmode", "allow"),  # the observers need none
        ("client_tls_key_file", str(key)),
        ("client_tls_cert_file", str(certificate)),
        ("auth_type", "trust"),  # else each end derives a key from the password, which costs the load as much
    )
    pooled = msgspec.structs.replace(environment.pooled, tls=(("sslmode", "require"),))
    try:
        with _first(own_pids(environment)[1], 0):
            yield dataclasses.replace(target_of(environment), pooled=pooled, pooler_extra=extra)
    finally:
        environment.pooler.apply(PoolerSettings(), environment.pooled.dbname)
        shutil.rmtree(folder)


@contextlib.contextmanager
def _one_row(environment: Environment) -> Iterator[Target]:
    with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE planted_counter AS SELECT 0::bigint AS n")
        connection.execute("GRANT SELECT, UPDATE ON planted_counter TO PUBLIC")
        try:
            yield target_of(environment)
        finally:
            connection.execute("DROP TABLE planted_counter")


PLANTS: dict[str, Callable[[Environment], contextlib.AbstractContextManager[Target]]] = {
    "server": _busy,
    "pooler": _handshakes,
    "locks": _one_row,
}


@pytest.mark.pg
@pytest.mark.parametrize("kind", list(SITUATIONS))
def test_a_planted_situation_gets_its_own_answer(environment: Environment, kind: str) -> None:
    seen: list[Bottleneck | None] = []
    looked: list[TrialSummary] = []
    with PLANTS.get(kind, _plain)(environment) as target:
        for block in range(1, LOOKS + 1):
            looked.append(_look(target, SITUATIONS[kind], block))
            # Readings of two looks decide together; the CPU that others left is a matter of each look.
            seen.append(name_bottleneck(looked if kind == "locks" else looked[-1:]))
            if (last := seen[-1]) is not None and last.kind == kind:
                break
    known = seen[-1]
    assert known is not None, seen
    assert known.kind == kind, [(one.kind, one.evidence) for one in seen if one]
    assert known.load.server is not None
    if kind == "locks":
        assert known.load.wait_share < 0.1, "as many connections as clients"
        readings = [one for trial in looked if trial.facts.timeline for one in trial.facts.timeline.readings]
        assert {what for one in readings for what in one.locked} == {"row lock on planted_counter"}
        assert all(blocker.ours for one in readings for blocker in one.blockers)
    else:
        assert known.load.wait_share > 0.1
