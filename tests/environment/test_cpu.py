"""The CPU of a family of processes loses nothing when its members come and go."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from bench.environment.cpu import read_family, used_between
from bench.environment.observation import ServerObserver

if TYPE_CHECKING:
    from bench.environment.embedded import Environment

BURN_S = 0.3
_BURN = f"import time\nwhile time.process_time() < {BURN_S}: pass"


def test_a_child_that_has_ended_still_counts() -> None:
    own = psutil.Process(os.getpid())
    before = read_family(own)
    subprocess.run([sys.executable, "-c", _BURN], check=True)
    used_s = used_between(before, read_family(own))
    assert used_s is not None
    assert used_s >= BURN_S * 0.9


def test_a_living_child_counts_as_much_as_when_it_has_ended() -> None:
    own = psutil.Process(os.getpid())
    before = read_family(own)
    spin = f"{_BURN}\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        living_s = used_between(before, read_family(own))
        child.communicate(b"\n")
    ended_s = used_between(before, read_family(own))
    assert living_s is not None
    assert ended_s is not None
    assert living_s >= BURN_S * 0.9
    assert ended_s >= living_s - 0.001, "ticks of the kernel are added up as floating-point numbers"


def test_a_process_that_is_gone_is_not_known_rather_than_idle() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        before = read_family(process)
        child.communicate(b"\n")
    after = read_family(process)
    assert after.used_s is None
    assert used_between(before, after) is None


@pytest.mark.pg
def test_the_server_has_worked_although_its_sessions_are_gone(environment: Environment) -> None:
    assert environment.postgres.process is not None
    observer = ServerObserver(environment.admin, environment.app.user, environment.postgres.process.pid)
    observer.begin()
    with psycopg.connect(environment.app.dsn()) as session:
        session.execute(
            "DO $$ DECLARE until timestamptz := clock_timestamp() + interval '300 ms'; "
            "BEGIN WHILE clock_timestamp() < until LOOP NULL; END LOOP; END $$"
        )
    observer.mark_end()
    facts = observer.end(0)
    observer.close()
    assert facts.cpu_s is not None
    assert facts.cpu_s > 0.02  # a busy machine leaves the session less than the 300 ms that it takes
    assert facts.cores_busy is not None
    assert facts.cores_busy > 0
