"""What is missing in what the workers brought back is named, and stays on the books."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.load.job import Failed, divide
from bench.load.recorder import COLUMNS
from bench.load.swarm.arrivals import endless_starts, starts_of
from bench.load.swarm.gathering import join
from bench.load.swarm.member import Member
from bench.load.swarm.order import Gathered, Returned
from bench.load.swarm.wire import Finished, Part, pack, pack_rows
from bench.model.sample import Outcome
from bench.model.scenario import OpenLoop
from tests.load.swarm.test_wire import FACTS
from tests.load.trials import open_loop, scenario

if TYPE_CHECKING:
    from bench.model.scenario import Scenario

SEED = 9
LENGTH_NS = 1_000_000_000


def _offering(rate: str = "1000/s") -> Scenario:
    return open_loop(load__rate=rate, pool__driver="locust")


def _done(
    what: Scenario, worker: int, *, until_ns: int = LENGTH_NS, jitter_ns: int = 0, lost: bool = False
) -> Returned:
    """Return a worker that completed each arrival before ``until_ns`` at once."""
    share = divide(what, 2)[worker]
    assert isinstance(what.load, OpenLoop)
    starts = starts_of(what.load, share, SEED, LENGTH_NS)
    starts = starts[starts < until_ns] + jitter_ns
    rows = np.zeros((len(starts), COLUMNS), np.int64)
    rows[:, :5] = starts[:, None]
    finished = None if lost else Finished(len(rows), 1, 0, FACTS, {})
    return Returned("a", share, (pack_rows(rows),), finished, None, until_ns, 0)


def test_all_workers_together_are_the_trial_and_raise_no_doubt() -> None:
    what = _offering()
    one, other = (_done(what, worker) for worker in (0, 1))
    collected = join(Gathered((one, other), (), ()), what, SEED, 2)
    assert collected.notes == ()
    assert np.bincount(collected.samples.worker).sum() == len(collected.samples)
    assert len(collected.samples) == pytest.approx(1000, abs=130), "a Poisson process of the whole rate"
    assert [facts.host for facts in collected.workers] == ["a", "a"]


@pytest.mark.parametrize("jitter_ns", [0, 1])
def test_a_lost_workers_arrivals_are_unfinished_or_not_sent(jitter_ns: int) -> None:
    """Two nanoseconds of another machine's rounding do not make two arrivals of one."""
    what = _offering()
    whole = _done(what, 1)
    lost = _done(what, 1, until_ns=400_000_000, jitter_ns=jitter_ns, lost=True)
    collected = join(Gathered((_done(what, 0), lost), (), ()), what, SEED, 2)
    (note,) = collected.notes
    assert (note.code, note.invalidates) == ("lost-workers", True)
    assert "last heard of 0.4 s after the start, of 1.0 s" in note.text
    mine = collected.samples.where(collected.samples.worker == 1)
    assert whole.finished is not None
    assert len(mine) == whole.finished.rows
    assert set(mine.outcome[mine.intended_ns < 400_000_000].tolist()) == {int(Outcome.OK)}
    assert set(mine.outcome[mine.intended_ns > 400_000_001].tolist()) == {int(Outcome.NOT_SENT)}


def test_a_lost_worker_of_a_closed_loop_is_told_by_the_users_that_went_with_it() -> None:
    what = scenario(pool__driver="locust")
    shares = divide(what, 2)
    gone = Returned("b", shares[1], (), None, Failed("out of memory", "", ""), 0, 0)
    stayed = Returned("a", shares[0], (), Finished(0, 0, 0, FACTS, {}), None, 0, 0)
    (note,) = join(Gathered((stayed, gone), (), ()), what, SEED, 2).notes
    assert "worker 1 on b, which failed: out of memory" in note.text
    assert "lacked its 3 users" in note.text


def test_who_is_missing_idle_or_late_is_told_apart() -> None:
    what = _offering()
    collected = join(Gathered((_done(what, 0), _done(what, 1)), ("c",), ("d",)), what, SEED, 4)
    assert [note.code for note in collected.notes] == ["missing-workers", "idle-workers", "late-workers"]
    assert "3 of 4 expected workers" in collected.notes[0].text
    assert not any(note.invalidates for note in collected.notes)


@pytest.mark.parametrize(("late_ns", "invalid"), [(1_000_000, False), (900_000_000, True)])
def test_a_late_start_is_told_and_invalidates_what_it_outlasts(late_ns: int, *, invalid: bool) -> None:
    what = _offering()
    share = divide(what, 1)[0]
    late = Returned("a", share, (), Finished(0, 0, late_ns, FACTS, {}), None, 0, 0)
    (note,) = join(Gathered((late,), (), ()), what, SEED, 1).notes
    assert (note.code, note.invalidates) == ("late-start", invalid)


def test_far_workers_whose_clocks_cannot_be_read_exactly_are_told() -> None:
    what = _offering()
    far = Returned("a", divide(what, 1)[0], (), Finished(0, 0, 0, FACTS, {}), None, 0, 20_000_000)
    (note,) = join(Gathered((far,), (), ()), what, SEED, 1).notes
    assert note.code == "clocks-apart"
    assert "20.0 ms" in note.text


def test_the_quickest_exchange_tells_the_other_clock() -> None:
    """The clock is 1,000 ahead; the slow exchange was held up on its way back."""
    member = Member("host_1", divide(_offering(), 1)[0])
    member.hear_time(0, 1_050, 100)
    assert (member.offset_ns, member.round_trip_ns) == (1_000, 100)
    member.hear_time(200, 1_250, 900)
    assert (member.offset_ns, member.round_trip_ns) == (1_000, 100)


def test_what_follows_a_part_that_never_came_does_not_count() -> None:
    member = Member("host_1", divide(_offering(), 1)[0])
    for position in (0, 2):
        member.hear(pack(Part(position, bytes([position]))), 5)
    member.hear(pack(Finished(9, 3, 0, FACTS, {})), 7)
    assert not member.complete
    returned = member.give_back(start_ns=5)
    assert (returned.parts, returned.finished, returned.heard_ns) == ((b"\x00",), None, 2)


def test_a_foreign_message_is_a_failure_of_its_worker() -> None:
    member = Member("host_1", divide(_offering(), 1)[0])
    member.hear(b"not a pickle", 5)
    assert member.failed is not None
    assert "sent what cannot be read" in member.failed.problem


def test_arrivals_without_an_end_keep_their_rate_and_order() -> None:
    load = _offering().load
    assert isinstance(load, OpenLoop)
    share = divide(_offering(), 1)[0]
    starts = [start for start, _ in zip(endless_starts(load, share, SEED), range(20_000), strict=False)]
    assert starts == sorted(starts)
    assert starts[-1] == pytest.approx(20e9, rel=0.05)
