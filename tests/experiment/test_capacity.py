"""The highest rate of a real server, as an interval with both ends confirmed, in the same kind of run folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bench.experiment.capacity import MOST_UNJUDGED, RateCourse, plan_capacity
from bench.experiment.progress import Silence
from bench.model.errors import ScenarioError
from bench.model.scenario_text import Overrides
from tests.analysis.synthetic import open_loop, trial_facts
from tests.experiment.runs import SCENARIO, load, read_until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.experiment.scenario_file import Planned
    from tests.experiment.runs import Bench

# A statement that takes 2 ms on its one connection: 500/s at most, whatever else the machine does.
SLOW = SCENARIO.replace("SELECT $1::int + 1", "SELECT $1::int, pg_sleep(0.002)").replace("< 2s", "< 50ms")
SHORT = ("--set", "pool.size=1", "--set", "run.window=400ms", "--set", "load.rate=300/s", "--confirm", "2")


@pytest.mark.pg
@pytest.mark.slow
def test_the_capacity_of_a_server_is_an_interval_even_if_the_search_is_killed(bench: Bench) -> None:
    (bench.folder / "plus.toml").write_text(SLOW)
    process = bench.start("capacity", "plus.toml", *SHORT)
    read_until(process.stderr, "/s (passes|fails)")
    process.kill()
    process.communicate()
    partial = bench.unfinished()
    heard = len([path for path in (partial / "trials").iterdir() if not path.name.startswith(".")])
    done = bench.run("run", "--resume", partial.name.removesuffix(".partial"), "--json")
    document = json.loads(done.stdout)
    assert document["kind"] == "capacity"
    assert {"run_id", "path", "report", "verdict"} <= document.keys()
    assert done.returncode == {"pass": 0, "fail": 1, "inconclusive": 4}[document["verdict"]]
    capacity = document["capacity"]
    assert capacity["low"] < capacity["high"] <= 1.05 * capacity["low"]
    assert capacity["high"] < 600
    assert capacity["confirmed"] >= 2
    run = bench.folder / document["path"]
    assert load(run / "plan.json")["design"] == "capacity"
    assert f"after {heard} of" in json.dumps(load(run / "run.json")["caveats"])
    rates = {one["treatment"]["load.rate"] for one in load(run / "measurements.json")["measurements"]}
    assert {capacity["low"], capacity["high"]} <= rates
    assert "capacity" in {finding["rule"] for finding in load(run / "findings.json")["findings"]}
    assert "Capacity: " in (bench.folder / document["report"]).read_text()


def _plan(tmp_path: Path, **settings: Any) -> Planned:
    path = tmp_path / "plus.toml"
    path.write_text(SCENARIO)
    return plan_capacity(str(path), Overrides(dict(settings)), 3, quick=False)


def _search(planned: Planned, capacity: float) -> RateCourse:
    """Let the course run on a queue of one connection that serves ``capacity`` a second."""
    course, plan = RateCourse(planned, Silence()), planned.plan
    while (grown := course.grow(plan)) is not None:
        for trial in grown.trials[len(plan.trials) :]:
            scenario = course.scenario(trial)
            end_ns = scenario.run.warmup + scenario.run.window
            gap_ns = 1e9 / float(scenario.load.rate)  # type: ignore[union-attr]  # an open loop
            arrivals = [round(number * gap_ns) for number in range(int(end_ns / gap_ns))]
            samples = open_loop(scenario, arrivals, service_ns=round(1e9 / capacity))
            course.observe(trial, trial_facts(scenario, trial_id=trial.id), samples)
        plan = grown
    return course


def test_a_closed_loop_is_searched_as_an_open_one(tmp_path: Path) -> None:
    planned = _plan(tmp_path, **{"pool.size": 1, "run.window": "1s"})
    assert planned.scenario.load.rate == 100  # type: ignore[union-attr]  # an open loop
    course = _search(planned, 1000)
    offered = sorted({float(one.trial.treatment["load.rate"]) for one in course._summaries})
    assert any(950 <= rate <= 1000 for rate in offered)
    assert any(1000 < rate <= 1050 for rate in offered)
    blocks = [one.trial.block for one in course._summaries]
    assert blocks == list(range(1, len(blocks) + 1))


def test_the_search_begins_where_the_user_says(tmp_path: Path) -> None:
    planned = _plan(tmp_path, **{"load.rate": "640/s", "load.max_in_flight": 77})
    course = RateCourse(planned, Silence())
    grown = course.grow(planned.plan)
    assert grown is not None
    assert grown.treatments[0]["load.rate"] == 640
    assert course.scenario(grown.trials[0]).load.max_in_flight == 77  # type: ignore[union-attr]  # an open loop


def test_a_server_that_no_trial_reaches_ends_the_search(tmp_path: Path) -> None:
    planned = _plan(tmp_path)
    course, plan = RateCourse(planned, Silence()), planned.plan
    while (grown := course.grow(plan)) is not None:
        course.miss(grown.trials[-1])
        plan = grown
    assert len(plan.trials) == MOST_UNJUDGED


def test_a_rate_that_grows_cannot_be_searched(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="steady arrivals"):
        _plan(tmp_path, **{"load.arrival": "ramp"})
