"""Plans that grow: whole blocks in a seeded order, and scenarios that can be told from treatments again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.design.growth import grow, lay_out, offer, restore_scenarios
from bench.design.plan import Plan, expand, identify
from bench.design.search import Cell
from bench.model.errors import ScenarioError
from bench.model.scenario import OpenLoop
from bench.model.scenario_text import decode, read_raw

if TYPE_CHECKING:
    from bench.model.scenario import Scenario

TEXT = """
name = "lookup"
load = { model = "closed", clients = 10, think_time = "1s" }
pool = { size = 7 }
operation = [{ name = "a", sql = "SELECT 1" }]
run = { replicates = 4, seed = 7 }
[sweep]
"load.clients" = [20, 10]
"pool.size" = [1, 2, 4]
"pool.driver" = ["asyncpg", "psycopg"]
"""
RAW = read_raw(TEXT, "t")
EMPTY = Plan("lookup", (), (), 3, 1.0, "adaptive")


def _scenario() -> Scenario:
    return decode(RAW, "t")


def test_a_plan_grows_by_one_block_that_holds_each_treatment_once() -> None:
    full, _ = expand(RAW, "t")
    first = grow(EMPTY, full.treatments[:6], _scenario())
    second = grow(first, full.treatments[4:8], _scenario())
    assert second.trials[:6] == first.trials
    assert [trial.block for trial in second.trials] == [1] * 6 + [2] * 4
    assert len({trial.id for trial in second.trials}) == 10
    assert second.treatments == full.treatments[:8]
    assert len({trial.seed for trial in second.trials}) == 10


def test_the_order_within_a_block_follows_from_the_seed() -> None:
    full, _ = expand(RAW, "t")
    again = [grow(EMPTY, full.treatments, _scenario()).trials for _ in range(2)]
    assert again[0] == again[1]
    assert [trial.treatment for trial in again[0]] != list(full.treatments)
    sequential = decode(read_raw(TEXT.replace("seed = 7", 'order = "sequential"'), "t"), "t")
    assert [trial.treatment for trial in grow(EMPTY, full.treatments, sequential).trials] == list(full.treatments)


def test_a_full_plan_is_laid_out_by_subject_load_and_size() -> None:
    full, _ = expand(RAW, "t")
    grid, places = lay_out(full.treatments, full.replicates)
    assert (grid.sizes, grid.loads, grid.subjects, grid.replicates) == ((1.0, 2.0, 4.0), 2, 2, 4)
    assert len(places) == len(full.treatments)
    assert places[Cell(0, 0, 2)]["load.clients"] == 10
    assert places[Cell(0, 0, 2)]["pool.size"] == 4
    assert places[Cell(1, 1, 0)]["pool.driver"] != places[Cell(0, 1, 0)]["pool.driver"]


def test_two_sizes_are_nothing_to_search() -> None:
    full, _ = expand(read_raw(TEXT.replace("[1, 2, 4]", "[1, 2]"), "t"), "t")
    with pytest.raises(ScenarioError, match="varies 2 of them"):
        lay_out(full.treatments, 4)


def test_any_scenario_becomes_an_open_loop_without_its_sweep() -> None:
    scenario = offer(RAW, "t", 1234.5)
    assert scenario.load == OpenLoop(rate=scenario.load.rate)  # type: ignore[union-attr]
    assert identify(scenario, {})["load.rate"] == 1234.5
    assert (scenario.pool.size, scenario.sweep) == (7, {})


@pytest.mark.parametrize("model", ['"open", rate = "50/s", max_in_flight = 9', '"users", users = 9, think_time = "1s"'])
def test_what_an_open_loop_shares_is_kept(model: str) -> None:
    text = TEXT.replace('"closed", clients = 10, think_time = "1s"', model).replace('"load.clients" = [20, 10]', "")
    load = offer(read_raw(text, "t"), "t").load
    assert isinstance(load, OpenLoop)
    assert [float(load.rate), load.max_in_flight] == ([50, 9] if "rate" in model else [100, 1000])


def test_what_no_open_loop_knows_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"\$\.load\.ratee"):
        offer(read_raw(TEXT.replace("clients = 10", 'clients = 10, ratee = "1/s"'), "t"), "t")
    with pytest.raises(ScenarioError, match="steady arrivals"):
        offer(read_raw(TEXT.replace("clients = 10", 'clients = 10, arrival = "ramp"'), "t"), "t")


@pytest.mark.parametrize("rate", [1.0, 3.333, 5619.0, 123_400.0, 1_000_000.0])
def test_a_rate_survives_being_written_and_read(rate: float) -> None:
    assert identify(offer(RAW, "t", rate), {})["load.rate"] == rate


def test_scenarios_are_told_from_the_treatments_of_a_stored_plan() -> None:
    full, treated = expand(RAW, "t")
    plan = msgspec.json.decode(msgspec.json.encode(grow(EMPTY, full.treatments[2:5], _scenario())), type=Plan)
    restored = restore_scenarios(plan, RAW, "t")
    by_treatment = {frozenset(trial.treatment.items()): treated[trial.id] for trial in full.trials}
    assert {trial.id: by_treatment[frozenset(trial.treatment.items())] for trial in plan.trials} == restored


def test_the_rates_of_a_stored_search_are_restored() -> None:
    search = Plan("lookup", (), (), 3, 1.0, "capacity")
    rates = [offer(RAW, "t", rate) for rate in (100.0, 141.4)]
    plan = grow(search, [identify(scenario, {}) for scenario in rates], _scenario())
    assert list(restore_scenarios(plan, RAW, "t").values()) in (rates, rates[::-1])


def test_a_treatment_that_does_not_follow_from_the_scenario_is_named() -> None:
    full, _ = expand(RAW, "t")
    strange = {**full.treatments[0], "pool.size": 3}
    with pytest.raises(ValueError, match="b01-t001 is no treatment"):
        restore_scenarios(grow(EMPTY, [strange], _scenario()), RAW, "t")
    changed = msgspec.structs.replace(full, trials=full.trials[1:])
    with pytest.raises(ValueError, match="its trials are others"):
        restore_scenarios(changed, RAW, "t")
