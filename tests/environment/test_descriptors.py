"""File descriptors: what a pgBouncer with too few would do silently is said before the load begins."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from bench.environment.account import server_account
from bench.environment.descriptors import PoolerLimits, listener, read_limits, running_poolers, soft_limit
from bench.environment.doctor import diagnose
from bench.environment.pooler_ini import PoolerSettings
from bench.environment.process import run_as
from bench.experiment.preflight import check_descriptors
from bench.load.descriptors import raise_descriptor_limit
from bench.model.errors import SetupError
from tests.load.trials import scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment, Where

LOW = 64


@pytest.fixture
def starved(environment: Environment) -> Iterator[int]:
    """The session's pgBouncer with a low limit of open files, as one started under ``ulimit -n`` has; its id."""
    assert environment.pooler.process
    pid = environment.pooler.process.pid
    before = soft_limit(pid)

    def limit(files: int | None) -> None:  # as its own account: a container's root may not
        run_as(server_account(), ["prlimit", f"--pid={pid}", f"--nofile={files}:"])

    limit(LOW)
    yield pid
    limit(before)
    environment.pooler.apply(PoolerSettings(pool_size=4), environment.pooled.dbname)  # ends its server connections


@pytest.mark.pg
def test_a_pooler_without_descriptors_is_silent_and_the_preflight_is_not(
    environment: Environment, starved: int
) -> None:
    """Beyond the limit a client waits without an error, which is the reason to look beforehand."""
    limits = read_limits(environment.pooled, environment.pooler.console)
    assert limits == PoolerLimits(starved, LOW, environment.pooler.max_clients)
    with pytest.raises(SetupError, match=f"may open {LOW} files, and 100 clients need") as refused:
        check_descriptors((scenario(pool__size=100),), 20_000, limits)
    assert f"prlimit --pid {starved}" in refused.value.remedy

    with contextlib.ExitStack() as stack:

        def connect() -> None:
            for _ in range(2 * LOW):
                stack.enter_context(psycopg.connect(environment.pooled.dsn(), connect_timeout=2))

        with pytest.raises(psycopg.errors.ConnectionTimeout):
            connect()


@pytest.mark.pg
def test_doctor_names_a_running_pooler_that_would_go_silent(where: Where, starved: int) -> None:
    """The process, its limit, and how to raise it without a restart."""
    (check,) = (one for one in diagnose(where) if one.name == "running pgBouncer" and str(starved) in one.evidence)
    assert check.status == "warn"
    assert f"may open {LOW} files" in check.evidence
    assert "prlimit" in check.remedy


@pytest.mark.pg
def test_the_embedded_pooler_can_take_ten_thousand_clients(environment: Environment) -> None:
    """Its limit was raised when it was started, and the treatment that needs it passes."""
    assert environment.pooler.process
    pid = environment.pooler.process.pid
    assert listener(environment.pooler.port) == pid
    limits = PoolerLimits(pid, soft_limit(pid), environment.pooler.max_clients)
    assert running_poolers()[pid] == limits.descriptors
    assert check_descriptors((scenario(pool__size=10_000, pooler__size=50),), 20_000, limits) == ()


def test_too_few_clients_by_configuration_and_an_unknown_limit() -> None:
    """What pgBouncer would refuse is refused here, and what cannot be read stays a doubt, never a pass."""
    many = (scenario(pool__size=5_000, pooler__size=50),)
    with pytest.raises(SetupError, match="takes 100 clients"):
        check_descriptors(many, 20_000, PoolerLimits(1, 20_000, 100))
    (doubt,) = check_descriptors(many, 20_000, PoolerLimits(None, None, 6_000))
    assert doubt.code == "pooler-limit-unknown"
    assert check_descriptors((scenario(),), 20_000, PoolerLimits(None, None, None)) == ()


def test_a_worker_that_cannot_hold_its_connections_is_refused() -> None:
    """The harness's own limit is read too, also where there is no pooler."""
    with pytest.raises(SetupError, match="a worker may open 1024 files"):
        check_descriptors((scenario(pool__size=1_000, pool__workers=1, pooler__kind="none"),), 1_024, None)
    assert check_descriptors((scenario(pool__size=1_000, pool__workers=2, pooler__kind="none"),), 1_024, None) == ()


def test_a_worker_raises_its_own_limit() -> None:
    """From whatever it was started with to what it may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
    try:
        assert raise_descriptor_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_process_that_is_gone_has_no_limit() -> None:
    """What cannot be read is None."""
    process = subprocess.Popen(["true"])
    process.wait()
    assert soft_limit(process.pid) is None
