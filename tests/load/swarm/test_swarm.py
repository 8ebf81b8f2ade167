"""A swarm of Locust workers on real servers: nothing is lost unseen, whoever is lost."""

from __future__ import annotations

import fractions
import itertools
import os
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.load.priming import rounds
from bench.model.errors import SetupError
from bench.model.sample import Outcome
from tests.load.swarm.swarms import free_port, kill, run, swarm
from tests.load.trials import PLUS, STEPS, open_loop, scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.load.swarm.hive import Swarm, SwarmTrial
    from bench.model.scenario import Level

pytestmark = pytest.mark.pg

DIRECT: dict[str, Level] = {"pool__driver": "locust", "pooler__kind": "none"}


@pytest.fixture(scope="module")
def two(environment: Environment) -> Iterator[Swarm]:
    """Two workers, shared by the tests that lose none."""
    with swarm(environment) as running:
        yield running


def test_two_workers_bring_back_everything_in_ordered_instants_from_one_start(two: Swarm) -> None:
    collected = run(two, scenario(**DIRECT))
    samples = collected.samples
    good = samples.where(samples.outcome == Outcome.OK)
    assert collected.notes == ()
    assert len(good) > 50
    assert len(good) == len(samples)
    assert [(facts.pool_size, facts.clients) for facts in collected.workers] == [(2, 3), (2, 3)]
    assert {facts.executions_per_connection_min for facts in collected.workers} == {rounds("locust")}
    assert all(facts.host for facts in collected.workers)
    for worker in (0, 1):
        assert 0 <= samples.dispatched_ns[samples.worker == worker].min() < 200_000_000
    columns = [getattr(good, f"{name}_ns") for name in ("intended", "dispatched", "acquired", "completed", "released")]
    assert all(np.all(earlier <= later) for earlier, later in itertools.pairwise(columns))
    assert good.dispatched_ns.max() > 900_000_000, "the load must last until the end of the window"


def test_an_open_loop_offers_its_rate_over_all_workers_and_books_what_was_not_sent(two: Swarm) -> None:
    """400 a second for one second, of which two workers with a place each and 100 ms of work can serve about 20."""
    text = PLUS.replace("SELECT $1::int + 1", "SELECT pg_sleep(0.1) WHERE $1::int > 0")
    rate: dict[str, Level] = {"load__rate": "400/s", "load__arrival": "constant", "load__max_in_flight": 2}
    samples = run(two, open_loop(text, **DIRECT, **rate)).samples
    counts = np.bincount(samples.outcome, minlength=len(Outcome))
    assert 398 <= len(samples) <= 402
    assert counts[Outcome.OK] + counts[Outcome.NOT_SENT] + counts[Outcome.UNFINISHED] == len(samples)
    assert counts[Outcome.NOT_SENT] > 300
    assert 5 <= counts[Outcome.OK] <= 22


def test_users_think_between_their_operations(two: Swarm) -> None:
    users = 'model = "users", users = 40, think_time = "200ms"'
    samples = run(two, scenario(PLUS.replace('model = "closed", clients = 6', users), **DIRECT)).samples
    assert 100 < len(samples) < 320, "40 users x 1 s / 200 ms is about 200"


def test_steps_pass_values_on_within_one_transaction(two: Swarm) -> None:
    samples = run(two, scenario(STEPS, **DIRECT)).samples
    assert len(samples) > 20
    assert set(samples.outcome.tolist()) == {int(Outcome.OK)}


def test_an_error_becomes_an_outcome_with_an_example(two: Swarm) -> None:
    collected = run(two, scenario(PLUS.replace("SELECT $1::int + 1", "SELECT 1 / ($1::int - $1::int)"), **DIRECT))
    assert set(collected.samples.outcome.tolist()) == {int(Outcome.SQL_ERROR)}
    assert collected.examples == {Outcome.SQL_ERROR: "division by zero"}


def test_an_operation_that_outlasts_the_drain_is_cut_off_and_booked(two: Swarm) -> None:
    text = PLUS.replace("SELECT $1::int + 1", "SELECT pg_sleep(20) WHERE $1::int > 0")
    samples = run(two, scenario(text, **DIRECT, pool__prewarm=False)).samples
    assert set(samples.outcome.tolist()) == {int(Outcome.UNFINISHED)}
    assert len(samples) == 6


def test_a_worker_without_a_connection_is_named_and_the_load_is_whole(two: Swarm) -> None:
    collected = run(two, scenario(**DIRECT, pool__size=1))
    assert [note.code for note in collected.notes] == ["idle-workers"]
    assert [facts.clients for facts in collected.workers] == [6]


def test_an_order_that_no_worker_can_read_ends_the_trial_at_once(two: Swarm) -> None:
    """As from a master of another version; the workers stay for the next trial."""
    what = scenario(**DIRECT)
    unknown = {"SELECT third": [(fractions.Fraction(1, 3),)]}
    with pytest.raises(SetupError, match="cannot read its order") as refused, two.trial(what, unknown, 1, 0) as trial:
        trial.start()
    assert "fractions.Fraction" in str(refused.value)
    assert "same version" in (refused.value.remedy or "")
    assert run(two, what).notes == ()


def test_a_lost_worker_invalidates_the_trial_and_the_next_names_who_is_missing(environment: Environment) -> None:
    """The killed worker's arrivals stay on the books: received, unfinished or not sent, they add up to what was due."""
    what = open_loop(**DIRECT, load__rate="400/s", load__arrival="constant", run__window="1500ms", run__warmup="0s")
    with swarm(environment) as losing:

        def lose(trial: SwarmTrial) -> None:
            time.sleep(max(0.0, trial.start_ns / 1e9 + 0.7 - time.monotonic()))
            kill(losing.pids[1])

        collected = run(losing, what, lose)
        samples = collected.samples
        (note,) = collected.notes
        assert (note.code, note.invalidates) == ("lost-workers", True)
        assert "1 of 2 workers were lost" in note.text
        assert 598 <= len(samples) <= 602
        assert len(collected.workers) == 1
        survivors = {facts.worker for facts in collected.workers}
        mine = np.isin(samples.worker, list(survivors))
        assert set(samples.outcome[mine].tolist()) == {int(Outcome.OK)}
        lost = np.bincount(samples.outcome[~mine], minlength=len(Outcome))
        assert lost[Outcome.OK] > 0, "what it had sent counts"
        assert lost[Outcome.NOT_SENT] > 100
        again = run(losing, what)
    assert [note.code for note in again.notes] == ["missing-workers"]
    assert 598 <= len(again.samples) <= 602
    assert set(again.samples.outcome.tolist()) == {int(Outcome.OK)}


def test_a_load_that_is_stopped_on_the_page_is_no_trial_and_the_next_is_whole(environment: Environment) -> None:
    page = ("127.0.0.1", free_port())
    with swarm(environment, web=page) as shown:

        def stop(trial: SwarmTrial) -> None:
            time.sleep(max(0.0, trial.start_ns / 1e9 + 0.2 - time.monotonic()))
            with urllib.request.urlopen(f"http://127.0.0.1:{page[1]}/stop", data=b"") as answer:
                assert answer.status == 200

        with pytest.raises(SetupError, match="stopped on Locust's page"):
            run(shown, scenario(**DIRECT), stop)
        collected = run(shown, scenario(**DIRECT))
        with urllib.request.urlopen(f"http://127.0.0.1:{page[1]}/") as answer:
            assert b"Locust" in answer.read()
    assert collected.notes == ()
    assert set(collected.samples.outcome.tolist()) == {int(Outcome.OK)}


def test_a_plain_locust_worker_with_a_two_line_file_serves_our_master(environment: Environment, tmp_path: Path) -> None:
    """The master's scenario runs, whatever the file names."""
    (tmp_path / "plus.toml").write_text(PLUS)
    (tmp_path / "locustfile.py").write_text(
        'from bench.experiment.locustfile import user_class\nUser = user_class("plus.toml")\n'
    )
    what = scenario(STEPS, **DIRECT)
    with swarm(environment, local=1, host="127.0.0.1") as mixed:
        command = [sys.executable, "-m", "locust", "--worker", "--master-port", str(mixed.port)]
        variables = {**os.environ, "BENCH_APP_DSN": environment.app.dsn(), "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(command, cwd=tmp_path, env=variables, stderr=subprocess.DEVNULL) as guest:
            try:
                collected = run(mixed, what)
            finally:
                guest.kill()
    assert collected.notes == ()
    assert set(collected.samples.worker.tolist()) == {0, 1}
    assert set(collected.samples.outcome.tolist()) == {int(Outcome.OK)}
