"""A swarm over hosts of its own: one common start in spite of the delay, and a host that is cut off."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest

from bench.model.sample import Outcome
from bench.store.runs import RunReader
from tests.experiment.hosts import host, why_not
from tests.experiment.runs import read_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment
    from tests.experiment.hosts import Host
    from tests.experiment.runs import Bench

pytestmark = pytest.mark.pg

SEEN_FROM_OUTSIDE = ("attached", "sessions-hidden")
"""What an attached server does not show an ordinary role."""
DELAY_S = 0.005
PORT = 15_557
BEATS = """
name = "beats"
load = { model = "open", rate = "200/s", arrival = "constant" }
pool = { size = 4, driver = "locust" }
pooler = { kind = "none" }
run = { warmup = "200ms", window = "1800ms", replicates = 2 }
[[operation]]
name = "beat"
sql = "INSERT INTO swarm_beat VALUES ($1::int)"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""


@pytest.fixture
def beats(environment: Environment) -> Iterator[psycopg.Connection]:
    """A table that grows with the load, and with nothing before it: writes are never primed."""
    with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE swarm_beat (n int)")
        connection.execute("GRANT ALL ON swarm_beat TO bench_app_login")
        yield connection
        connection.execute("DROP TABLE swarm_beat")


def _count(beats: psycopg.Connection) -> int:
    row = beats.execute("SELECT count(*) FROM swarm_beat").fetchone()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def _worker(on: Host, environment: Environment) -> Iterator[None]:
    server, master = on.ports
    dsn = f"host={on.master} port={server} dbname={environment.app.dbname} user={environment.app.user}"
    swarm = [sys.executable, "-m", "bench", "swarm", "--worker", "--master-host", on.master]
    process = subprocess.Popen(
        on.command(*swarm, "--master-port", str(master), "--dsn", dsn),
        env={**os.environ, "PGPASSWORD": environment.app.password},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_two_hosts_begin_together_and_one_that_is_cut_off_is_named(
    bench: Bench, environment: Environment, beats: psycopg.Connection
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    (bench.folder / "beats.toml").write_text(BEATS)
    with contextlib.ExitStack() as made:
        near, far = (made.enter_context(host(number, DELAY_S, environment.app.port, PORT)) for number in (1, 2))
        master = bench.start(
            "swarm",
            "beats.toml",
            "--master",
            "--bind-host",
            "127.0.0.1",
            "--bind-port",
            str(PORT),
            "--expect-workers",
            "2",
        )
        made.enter_context(master)
        made.callback(master.kill)
        for each in (near, far):
            made.enter_context(_worker(each, environment))
        read_until(master.stderr, r"^\[1/2\] ")
        before = _count(beats)
        deadline = time.monotonic() + 30
        while _count(beats) <= before + 20:
            assert time.monotonic() < deadline, "the second trial never began"
        far.unplug()
        assert master.stderr is not None
        said = master.stderr.read()
        assert master.wait() == 3, said
    reader = RunReader(bench.finished())
    whole, cut = reader.trials()

    assert [note.code for note in whole.facts.notes if note.code not in SEEN_FROM_OUTSIDE] == []
    samples = whole.samples()
    assert set(samples.outcome.tolist()) == {int(Outcome.OK)}
    assert 398 <= len(samples) <= 402
    for worker in (0, 1):
        mine = samples.worker == worker
        assert 0 <= samples.dispatched_ns[mine].min() < 50_000_000
        assert mine.sum() == pytest.approx(200, abs=1)
    assert np.median(samples.duration("service_time")) >= 2 * DELAY_S * 1e9, "the delay is in both directions"

    (lost,) = (note for note in cut.facts.notes if note.code not in SEEN_FROM_OUTSIDE)
    assert (lost.code, lost.invalidates) == ("lost-workers", True)
    books = cut.samples()
    assert 398 <= len(books) <= 402, "every arrival of the lost worker is on the books"
    assert np.count_nonzero(books.outcome == Outcome.NOT_SENT) > 20
    assert {facts.worker for facts in cut.facts.workers} != {0, 1}
    (measured, *_) = reader.measurements()
    assert not measured.valid
    assert "lost-workers" in {caveat.code for caveat in measured.caveats}
