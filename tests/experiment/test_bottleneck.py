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
from psycopg import sql

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
from tests.faults.relay import Relay
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
{work}
"""
BUSY = "SELECT count(*) FROM generate_series(1, 40000) AS g WHERE sqrt(g) > 10"
HOT = "UPDATE planted_counter SET n = n + 1 RETURNING pg_sleep(0.01)"
READABLE = "2200ms"
RECONNECTING = ", max_queries = 1, prime = false"


def _situation(
    clients: int, size: int, *statements: str, pool: str = "", pooler: str = "none", window: str = "600ms"
) -> str:
    """Return a scenario of one operation: a statement, or a transaction of several."""
    steps = ", ".join(f"{{ sql = '''{one}''' }}" for one in statements)
    work = f"sql = '''{statements[0]}'''" if len(statements) == 1 else f"step = [{steps}]"
    return PLANTED.format(clients=clients, size=size, work=work, pool=pool, pooler=pooler, window=window)


SITUATIONS = {
    "pool": _situation(50, 2, "SELECT pg_sleep(0.05)"),
    "server": _situation(48, 24, BUSY),
    "generator": _situation(64, 32, "SELECT 1"),
    "pooler": _situation(16, 8, "SELECT 1", pool=RECONNECTING, pooler="pgbouncer"),
    "locks": _situation(16, 16, HOT, window=READABLE),
    "wal": _situation(16, 16, "INSERT INTO planted_counter VALUES (1)", window=READABLE),
    "transactions": _situation(16, 16, "SELECT 1", "SELECT 2", "SELECT 3", window=READABLE),
}
WAITING = ("locks", "wal", "transactions")
"""What sessions wait for is read ten times a second, and told from eight readings on."""
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


@contextlib.contextmanager
def _slow_flush(environment: Environment) -> Iterator[Target]:
    """Let whoever flushes the WAL wait before it, as a slow disk would; the others wait behind it."""
    role = sql.Identifier(environment.app.user)
    with _one_row(environment) as target, psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
        connection.execute("GRANT INSERT ON planted_counter TO PUBLIC")
        connection.execute(sql.SQL("ALTER ROLE {} SET commit_delay = 20000").format(role))
        try:
            yield target
        finally:
            connection.execute(sql.SQL("ALTER ROLE {} RESET commit_delay").format(role))


@contextlib.contextmanager
def _far_away(environment: Environment) -> Iterator[Target]:
    """Let the application be 5 ms away from the server in both directions."""
    with Relay(environment.app) as relay:
        relay.delay_s = 0.005
        direct = msgspec.structs.replace(environment.app, port=relay.port)
        yield dataclasses.replace(target_of(environment), direct=direct)


PLANTS: dict[str, Callable[[Environment], contextlib.AbstractContextManager[Target]]] = {
    "server": _busy,
    "pooler": _handshakes,
    "locks": _one_row,
    "wal": _slow_flush,
    "transactions": _far_away,
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
            seen.append(name_bottleneck(looked if kind in WAITING else looked[-1:]))
            if (last := seen[-1]) is not None and last.kind == kind:
                break
    known = seen[-1]
    assert known is not None, seen
    assert known.kind == kind, [(one.kind, one.evidence) for one in seen if one]
    assert known.load.server is not None
    if kind not in WAITING:
        assert known.load.wait_share > 0.1
        return
    assert known.load.wait_share < 0.1, "as many connections as clients"
    if kind == "locks":
        readings = [one for trial in looked if trial.facts.timeline for one in trial.facts.timeline.readings]
        assert {what for one in readings for what in one.locked} == {"row lock on planted_counter"}
        assert all(blocker.ours for one in readings for blocker in one.blockers)
