"""After a disturbance the report says when users were served as before, from their own intended starts."""

from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.disturbances import recoveries
from bench.model.disturbance import Disturbance, Disturbed
from bench.model.sample import Outcome, Samples
from bench.model.scenario_text import decode, read_raw
from bench.model.units import Duration
from tests.analysis import synthetic

MS = 1_000_000
SECOND = 1000 * MS
TEXT = """
name = "x"
load = { model = "open", rate = "200/s" }
pool = { size = 400 }
run = { warmup = "0s", window = "10s" }
disturbance = [{ kind = "pause_pooler", at = "4s", lasts = "1s" }]
operation = [{ name = "op", sql = "SELECT 1" }]
"""
SCENARIO = decode(read_raw(TEXT, "x"), "x")
PAUSED = Disturbed(kind="pause_pooler", since_ns=4 * SECOND, until_ns=5 * SECOND)
STARTS = np.arange(0, 10 * SECOND, 5 * MS, dtype=np.int64)


def _samples(until_ns: int, *, fail: bool = False) -> Samples:
    """Operations of 10 ms; those that start from the pause until an instant end only then, or fail."""
    held = (PAUSED.since_ns <= STARTS) & (until_ns > STARTS)
    ends = np.where(held, until_ns, STARTS) + 10 * MS
    outcome = np.where(held & fail, int(Outcome.POOL_TIMEOUT), int(Outcome.OK)).astype(np.int8)
    zero = np.zeros(len(STARTS), dtype=np.int16)
    return Samples(STARTS, STARTS, STARTS, ends, ends, zero, outcome, zero)


@pytest.mark.parametrize("fail", [False, True])
def test_recovery_is_counted_from_the_disturbance_until_users_are_served_as_before(fail: bool) -> None:  # noqa: FBT001 - a column
    facts = synthetic.trial_facts(SCENARIO, disturbed=(PAUSED,))
    (found,) = recoveries(_samples(int(5.5 * SECOND), fail=fail), facts)
    assert found.recovered_s == pytest.approx(1.5, abs=found.precision_s)
    assert found.usual_s == pytest.approx(0.01)
    assert found.failed == (300 if fail else 0)
    assert found.slowest_s == pytest.approx(0.0 if fail else 1.51)


def test_what_is_still_bad_at_the_end_of_the_window_has_not_recovered() -> None:
    facts = synthetic.trial_facts(SCENARIO, disturbed=(PAUSED,))
    (found,) = recoveries(_samples(10 * SECOND), facts)
    assert found.recovered_s is None


def test_what_nobody_noticed_was_over_at_once() -> None:
    facts = synthetic.trial_facts(SCENARIO, disturbed=(PAUSED,))
    (found,) = recoveries(_samples(PAUSED.since_ns), facts)
    assert found.recovered_s == 0


def test_the_report_says_it_and_keeps_the_trial() -> None:
    summary = synthetic.summary_of(SCENARIO, _samples(int(5.5 * SECOND)), disturbed=(PAUSED,))
    (told,) = (caveat.text for caveat in summary.caveats if caveat.code == "disturbed")
    assert told.startswith("4 s into the window pgBouncer was paused, as the scenario asks: 1.5 s later")
    assert summary.valid_for()


@pytest.mark.parametrize(
    ("disturbance", "words"),
    [
        (Disturbance("restart_pooler", Duration(9 * SECOND), Duration(2 * SECOND)), "nothing can recover"),
        (Disturbance("drop_connections", Duration(SECOND), Duration(SECOND)), "leave `lasts` out"),
        (Disturbance("pause_pooler", Duration(SECOND)), "needs `lasts`"),
    ],
)
def test_a_disturbance_that_cannot_be_done_is_refused(disturbance: Disturbance, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        disturbance.check(window_ns=10 * SECOND, pooled=True)


def test_a_pooler_that_is_not_there_cannot_be_disturbed() -> None:
    with pytest.raises(ValueError, match="pgbouncer"):
        Disturbance("restart_pooler", Duration(SECOND)).check(window_ns=10 * SECOND, pooled=False)
