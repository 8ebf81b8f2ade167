"""Wall time by kind of work adds up to all that has passed."""

from __future__ import annotations

import contextlib

import pytest

from bench.experiment.stopwatch import Stopwatch
from tests.fakes import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_kinds_and_the_rest_add_up_to_all_that_has_passed(clock: Clock) -> None:
    watch = Stopwatch(clock)
    clock.now += 1
    for _ in range(2):
        with watch.timing("trials"):
            clock.now += 5
    with watch.timing("clones"):
        clock.now += 2
    clock.now += 4
    assert watch.split() == {"trials": 10, "clones": 2, "rest": 5}
    assert watch.passed_s == 17


def test_work_that_fails_counts_too(clock: Clock) -> None:
    watch = Stopwatch(clock)
    with contextlib.suppress(ValueError), watch.timing("clones"):
        clock.now += 3
        raise ValueError
    assert watch.split() == {"clones": 3, "rest": 0}


def test_a_part_with_a_name_of_its_own_is_taken_from_its_kind_and_never_more_than_there_is(clock: Clock) -> None:
    watch = Stopwatch(clock)
    with watch.timing("trials"):
        clock.now += 6
    watch.take("trials", "windows", 4)
    assert watch.split() == {"trials": 2, "windows": 4, "rest": 0}
    watch.take("trials", "windows", 3)
    assert watch.split() == {"trials": 0, "windows": 6, "rest": 0}
