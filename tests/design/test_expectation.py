"""What will run too rarely for a percentile is known before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.design.expectation import expect_executions, find_rare, tell_hardest
from bench.design.plan import expand
from bench.model.scenario_text import read_raw

if TYPE_CHECKING:
    from bench.model.scenario import Scenario

TEXT = """
name = "mix"
load = { model = "open", rate = "100/s" }
run = { window = "5s", replicates = 2 }
[[operation]]
name = "often"
sql = "SELECT 1"
weight = 98
[[operation]]
name = "seldom"
sql = "SELECT 2"
weight = 2
"""


def _scenarios(text: str) -> list[Scenario]:
    plan, treated = expand(read_raw(text, "t"), "t")
    return [treated[trial.id] for trial in plan.trials if trial.block == 1]


def test_executions_are_rate_times_share_times_all_windows() -> None:
    (scenario,) = _scenarios(TEXT)
    assert [one.executions for one in expect_executions(scenario)] == pytest.approx([980, 20])


def test_a_rare_operation_is_named_with_the_window_that_is_enough() -> None:
    (rare,) = find_rare(_scenarios(TEXT))
    assert rare.at_worst.operation == "seldom"
    assert str(rare) == (
        "seldom runs about 20 times at most in 2 windows (2.0% of 100/s), its p95 takes 59: "
        "set `run.window` to 20s or more, or raise its `weight`"
    )
    assert not find_rare(_scenarios(TEXT.replace('"5s"', '"20s"')))


def test_a_budget_on_a_higher_percentile_takes_more() -> None:
    (rare,) = find_rare(
        _scenarios(TEXT.replace("weight = 98", 'weight = 98\nbudget = ["p99_9 < 1s"]').replace("2\n", "50\n"))
    )
    assert (rare.at_worst.operation, rare.at_worst.statistic, rare.at_worst.needed) == ("often", "p99_9", 2995)


def test_an_operation_judged_by_its_mean_alone_is_not_called_rare() -> None:
    judged = TEXT + 'budget = ["mean(response_time) < 1s"]\n'
    assert not find_rare(_scenarios(judged))
    assert find_rare(_scenarios(judged.replace('1s"]', '1s", "p95(response_time) < 1s"]')))


def test_only_the_treatments_that_are_concerned_are_counted() -> None:
    text = TEXT.replace("[[operation]]", '[sweep]\n"load.rate" = ["100/s", "10000/s"]\n[[operation]]', 1)
    (rare,) = find_rare(_scenarios(text))
    assert "under 1 of 2 treatments (2.0% of 100/s)" in str(rare)


def test_a_closed_loop_with_think_time_has_a_highest_rate_and_without_one_a_needed_rate() -> None:
    thinking = TEXT.replace(
        '{ model = "open", rate = "100/s" }', '{ model = "closed", clients = 5, think_time = "50ms" }'
    )
    assert [one.at_worst.operation for one in find_rare(_scenarios(thinking))] == ["seldom"]
    assert tell_hardest(_scenarios(thinking)) is None
    busy = _scenarios(TEXT.replace('{ model = "open", rate = "100/s" }', '{ model = "closed", clients = 5 }'))
    assert not find_rare(busy)
    told = tell_hardest(busy)
    assert told is not None
    assert told.endswith("so a throughput of 300/s or more")


def test_a_single_operation_is_no_mix() -> None:
    alone = TEXT[: TEXT.rindex("[[operation]]")].replace('"open", rate = "100/s"', '"closed", clients = 5')
    assert tell_hardest(_scenarios(alone)) is None
