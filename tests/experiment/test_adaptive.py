"""An adaptive sweep on a real server: fewer trials, an answer, and a run that can be killed and analysed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.experiment.adaptive import AdaptiveCourse, plan_adaptive
from bench.experiment.scenario_file import plan_scenario
from bench.model.scenario_text import Overrides
from tests.analysis.synthetic import S, closed_loop, trial_facts
from tests.experiment.runs import SCENARIO, load, read_until

if TYPE_CHECKING:
    from bench.experiment.scenario_file import Planned
    from tests.experiment.runs import Bench

GRID = ("--sweep", "pool.size=1,2,3,4,6,8,12,16", "--set", "run.window=100ms")


@pytest.mark.pg
def test_an_adaptive_sweep_survives_a_kill_and_answers_from_a_part_of_the_grid(bench: Bench) -> None:
    process = bench.start("run", "plus.toml", "--adaptive", *GRID)
    read_until(process.stderr, r"^\[1\]")
    process.kill()
    process.communicate()
    partial = bench.unfinished()
    before = load(partial / "plan.json")["trials"]
    assert len(before) == 4
    done = bench.run("run", "--resume", partial.name.removesuffix(".partial"))
    assert done.returncode in (0, 4), done.stderr
    assert "pool size" in done.stdout.casefold()
    run = bench.finished()
    plan = load(run / "plan.json")
    assert plan["design"] == "adaptive"
    assert plan["trials"][:4] == before
    assert len(before) < len(plan["trials"]) <= 8
    measured = load(run / "measurements.json")["measurements"]
    assert len({str(one["treatment"]) for one in measured}) == len(plan["treatments"])
    assert "adaptive" in {caveat["code"] for caveat in load(run / "run.json")["caveats"]}


def _planned(**settings: str) -> Planned:
    sweeps = {"pool.size": (1, 2, 4, 8, 16, 32, 64, 128), "load.clients": (8, 32)}
    return plan_adaptive(plan_scenario(SCENARIO, "t", Overrides(dict(settings), dict(sweeps)), quick=False))


def _measure(planned: Planned, slow_from: int = 16) -> AdaptiveCourse:
    """Let the course run on a queue: a pool as large as the clients, slower beyond a size."""
    course, plan = AdaptiveCourse(planned), planned.plan
    while (grown := course.grow(plan)) is not None:
        for trial in grown.trials[len(plan.trials) :]:
            scenario = course.scenario(trial)
            service_ns = S // 100 * max(1, scenario.pool.size // slow_from)
            samples = closed_loop(scenario, service_ns=service_ns)
            course.observe(trial, trial_facts(scenario, trial_id=trial.id), samples)
        plan = grown
    return course


def test_the_course_measures_round_the_answer_and_says_what_it_left_out() -> None:
    course = _measure(_planned(**{"run.replicates": 5}))  # type: ignore[arg-type]  # levels are no text
    known = {cell.size: one.tried for cell, one in course._known().items() if cell.load == 1}
    assert known[4] >= 2  # 16 connections, the best for 32 clients
    assert known[3] >= 2  # its smaller neighbour
    assert sum(known.values()) < 5 * 8
    assert [caveat.code for caveat in course.doubts()] == ["adaptive"]


def test_trials_that_cannot_run_do_not_keep_the_course_going() -> None:
    planned = _planned()
    course, plan = AdaptiveCourse(planned), planned.plan
    while (grown := course.grow(plan)) is not None:
        for trial in grown.trials[len(plan.trials) :]:
            course.miss(trial)
        plan = grown
        assert len(plan.trials) < 100
    assert plan.trials
