"""Scenario text: what is accepted, and how each mistake is named."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.model.errors import ScenarioError
from bench.model.scenario import ClosedLoop
from bench.model.scenario_text import Overrides, decode, override, parse_scenario, quick_overrides, read_raw
from bench.model.units import Duration

TEXT = """
name = "lookup"
budgets = ["p95(response_time) < 100ms"]
[load]
model = "closed"
clients = 50
think_time = "5ms"
[pool]
size = 30
[[operation]]
name = "a"
sql = "SELECT $1"
[[operation.parameters]]
kind = "uniform"
name = "n"
low = 1
high = 5
[sweep]
"pool.size" = [1, 2, 4]
"""


def test_a_complete_scenario_decodes_to_typed_values() -> None:
    scenario = parse_scenario(TEXT)
    assert scenario.load == ClosedLoop(clients=50, think_time=Duration.parse("5ms"))
    assert scenario.sweep == {"pool.size": (1, 2, 4)}
    assert scenario.operation[0].argument_names == ("n",)


@pytest.mark.parametrize(
    ("old", "new", "problem", "remedy"),
    [
        ("size = 30", "siz = 30", "`$.pool.siz`", "`size`"),
        ('"5ms"', "5", "bare value 5 - at `$.load.think_time`", ""),
        ('"5ms"', '"5 parsecs"', "unknown unit 'parsecs'", ""),
        ('"5ms"', '"-5ms"', "expected a duration", ""),
        ('"closed"', '"close"', "`$.load.model` is 'close'", "`closed`"),
        ('"uniform"', '"unifrom"', "`$.operation[0].parameters[0].kind`", "`uniform`"),
        ("[1, 2, 4]", "[1, 0]", "level 0: `size` must be at least 1", ""),
        ("[1, 2, 4]", "[2, 2]", "names a level twice", ""),
        ("[1, 2, 4]", "[]", "no levels", ""),
        ("pool.size", "pool.sise", "`$.pool.sise`", "`size`"),
        ("p95(response_time)", "p95(response)", "did you mean 'response_time'", ""),
        ("p95(response_time)", "p950(response_time)", "did you mean 'p95'", ""),
        ("< 100ms", "< 100", "no unit", ""),
        ("clients = 50", 'rate = "5/s"', "`$.load.rate`", 'model = "open"'),
        ("low = 1", "low = 9", "`low` 9 is above `high` 5", ""),
        ('name = "a"', "", "missing required field `name`", ""),
        ("clients = 50", "clients = 0", "at least 1", ""),
        ("clients = 50", 'clients = "50"', "`$.load.clients`", ""),
        ('sql = "SELECT $1"', "", "either `sql` or `step`", ""),
        ('sql = "SELECT $1"', 'sql = "SELECT $1"\nrole = "owner"', "the load runs as the application", ""),
        ("[pool]", "[pool", "not valid TOML", ""),
        ("[pool]", '[pool]\ndriver = "asyncpq"', "$.pool.driver", ""),
    ],
)
def test_a_mistake_is_named_with_its_path_and_the_nearest_valid_name(
    old: str, new: str, problem: str, remedy: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(TEXT.replace(old, new), "lookup.toml")
    assert caught.value.problem.startswith("lookup.toml")
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2


def test_a_step_may_only_use_what_is_known_before_it() -> None:
    steps = """
[[operation.step]]
sql = "INSERT INTO t VALUES ($1) RETURNING id"
args = ["n"]
returns = ["id"]
[[operation.step]]
sql = "SELECT $1"
args = ["IDENT"]
"""
    text = TEXT.replace('sql = "SELECT $1"\n', "").replace("[sweep]", steps + "[sweep]")
    assert len(parse_scenario(text.replace("IDENT", "id")).operation[0].steps) == 2
    with pytest.raises(ScenarioError, match=r"step 2: no parameter or earlier result named \['idd'\]"):
        parse_scenario(text.replace("IDENT", "idd"))


def test_an_override_changes_a_copy_and_keeps_the_original() -> None:
    raw = read_raw(TEXT, "t")
    changed = override(raw, {"pool.size": 8, "run.window": "2s"}, "t")
    assert decode(changed, "t").pool.size == 8
    assert decode(raw, "t").pool.size == 30


def test_an_override_of_a_value_that_is_no_table_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"`name` is not a table"):
        override(read_raw(TEXT, "t"), {"name.size": 8}, "t")


def test_quick_shortens_by_default_and_obeys_the_scenario_where_it_says_how() -> None:
    raw = read_raw(TEXT + '[quick]\n"sweep.pool.size" = [2]\n"run.window" = "700ms"\n', "t")
    quick = decode(quick_overrides(raw).apply(raw, "t"), "t")
    assert quick.sweep == {"pool.size": (2,)}
    assert (quick.run.window, quick.run.replicates) == (700_000_000, 3)


def test_what_the_user_sets_is_no_longer_swept_and_what_he_sweeps_is_no_longer_set() -> None:
    raw = read_raw(TEXT, "t")
    fixed = Overrides({"pool.size": 7}).apply(raw, "t")
    assert (decode(fixed, "t").pool.size, decode(fixed, "t").sweep) == (7, {})
    later = Overrides({"pool.size": 7}).then(Overrides(sweeps={"pool.size": (3, 5)}))
    assert decode(later.apply(raw, "t"), "t").sweep == {"pool.size": (3, 5)}


@given(st.text())
def test_any_text_is_either_a_scenario_or_a_scenario_error(text: str) -> None:
    with pytest.raises(ScenarioError):
        parse_scenario(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["load", "model", "name", "operation", "sql", "sweep"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_either_a_scenario_or_a_scenario_error(document: object) -> None:
    raw = document if isinstance(document, dict) else {"operation": document}
    with pytest.raises(ScenarioError):
        decode(raw, "fuzz")


def test_scenario_values_cannot_be_built_invalid() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ClosedLoop(clients=0)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"model": "closed"}, ClosedLoop)
