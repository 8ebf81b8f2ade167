"""The translation to pgbench scripts, as text."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.load.pgbench_script import MOST_SCRIPTS, as_text, translate
from bench.model import parameters as source
from bench.model.errors import ScenarioError
from bench.model.scenario import Operation, Step

if TYPE_CHECKING:
    from bench.design.parameters import Populations
    from bench.load.pgbench_script import Script

TAKE = "SELECT city, size FROM places"


def scripts(
    *operations: Operation, populations: Populations | None = None, seed: int = 1, clients: int = 1
) -> list[Script]:
    return translate(operations, populations or {}, np.random.default_rng(seed), clients)


def one(sql: str, *parameters: source.Parameter, populations: Populations | None = None) -> Script:
    """Translate a single statement; return its first script."""
    return scripts(Operation(name="op", sql=sql, parameters=parameters), populations=populations)[0]


def choice(name: str, *values: Any) -> source.Choice:
    return source.Choice(name=name, values=values)


# What pgbench draws itself


@pytest.mark.parametrize(
    ("parameter", "commands"),
    [
        (source.Uniform(name="n", low=1, high=9), ["\\set v0_0 random(1, 9)"]),
        (source.Zipf(name="n", low=5, high=9, exponent=1.2), ["\\set v0_0 random_zipfian(5, 9, 1.2)"]),
        (source.Sequence(name="n", start=7), ["\\set v0_0_n :v0_0_n + 1", "\\set v0_0 7 + :client_id + 4 * :v0_0_n"]),
    ],
)
def test_whole_numbers_are_drawn_by_pgbench_from_all_that_there_are(
    parameter: source.Parameter, commands: list[str]
) -> None:
    made = scripts(Operation(name="op", sql="SELECT $1", parameters=(parameter,)), clients=4)
    assert [script.text for script in made] == ["\n".join([*commands, "SELECT :v0_0;"]) + "\n"]
    assert made[0].variables == ({"v0_0_n": "-1"} if isinstance(parameter, source.Sequence) else {})


@pytest.mark.parametrize(
    "parameter",
    [
        source.Zipf(name="n", low=1, high=3),  # random_zipfian takes no exponent of 1
        source.Zipf(name="n", low=3, high=3, exponent=1.5),
        source.Normal(name="n", mean=5, stddev=1, decimals=0),
        source.Uniform(name="n", low=dt.date(2024, 1, 1), high=dt.date(2024, 1, 3)),
        choice("n", "a", "b"),
    ],
)
def test_anything_else_is_drawn_ahead(parameter: source.Parameter) -> None:
    made = scripts(Operation(name="op", sql="SELECT $1", parameters=(parameter,)))
    assert all("\\set" not in script.text for script in made)
    assert len({script.variables[f"v0_0_0_{index}"] for index, script in enumerate(made)}) == len(made)


def test_what_may_never_repeat_and_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ScenarioError, match="'op': the `pgbench` driver cannot draw UUIDs"):
        one("SELECT $1", source.Uuid(name="id"))


# Argument sets and weights


def share(made: list[Script], number: int = 0) -> float:
    return sum(script.weight for script in made if script.operation == number) / sum(script.weight for script in made)


def test_operations_keep_their_weights_however_unequal() -> None:
    rare = Operation(name="rare", sql="SELECT $1", parameters=(choice("n", *range(100)),), weight=0.001)
    made = scripts(rare, Operation(name="common", sql="SELECT 1", weight=0.999))
    assert share(made) == pytest.approx(0.001, rel=1e-3)
    assert max(script.weight for script in made) < 2**31, "pgbench keeps weights in 32 bits"


def test_argument_sets_come_as_often_as_the_scenario_draws_them() -> None:
    """A weighted choice of three becomes three scripts, not 120 of equal weight."""
    made = scripts(
        Operation(
            name="op",
            sql="SELECT $1",
            parameters=(source.Choice(name="n", values=("a", "b", "c"), weights=(0.7, 0.2, 0.1)),),
        )
    )
    weights = {next(iter(script.variables.values())): script.weight for script in made}
    total = sum(weights.values())
    assert [weights[value] / total for value in "abc"] == pytest.approx([0.7, 0.2, 0.1], abs=0.02)
    assert {script.sets for script in made} == {3}


def test_a_sampled_population_larger_than_pgbench_can_hold_is_represented_by_a_random_part_of_it() -> None:
    """Its hot rows stay hot, its rows stay whole, and each script says how many there would be."""
    rows = [(f"city{n}", n) for n in range(5000)]
    sample = source.Sample(names=("city", "size"), sql=TAKE, distribution="zipf", exponent=1.0)
    made = scripts(Operation(name="op", sql="SELECT $1, $2", parameters=(sample,)), populations={TAKE: rows})
    assert len(made) == MOST_SCRIPTS
    assert made[0].sets > 2000
    drawn = [(int(script.variables[f"v0_0_1_{i}"]), script.variables[f"v0_0_0_{i}"]) for i, script in enumerate(made)]
    assert all(city == f"city{size}" for size, city in drawn), "columns of a row are drawn together"
    assert len(set(drawn)) == len(drawn)
    by_size = {size: script.weight for (size, _), script in zip(drawn, made, strict=True)}
    expected = 1 / sum(1 / rank for rank in range(1, 5001))
    assert by_size[0] / sum(by_size.values()) == pytest.approx(expected, rel=0.6)
    assert np.median([size for size, _ in drawn]) > 50, "and cold ones are among them"


def test_the_same_seed_gives_the_same_scripts() -> None:
    operation = Operation(name="op", sql="SELECT $1", parameters=(choice("n", *range(500)),))
    assert scripts(operation) == scripts(operation)
    assert scripts(operation) != scripts(operation, seed=2)


def test_scripts_are_shared_out_so_that_all_operations_fit() -> None:
    many = [Operation(name=f"op{n}", sql="SELECT $1", parameters=(choice("n", *range(200)),)) for n in range(7)]
    made = scripts(*many)
    assert len(made) <= MOST_SCRIPTS
    assert {script.operation for script in made} == set(range(7))
    with pytest.raises(ScenarioError, match="at most 120 operations, the scenario has 121"):
        scripts(*(Operation(name=f"op{n}", sql="SELECT 1") for n in range(121)))


def test_variables_of_different_arguments_never_share_a_name() -> None:
    """Whatever the scenario calls them: pgbench's variables are numbered."""
    operation = Operation(
        name="op",
        parameters=(choice("n_0_1", "a"), choice("n", "b"), choice("r0_0_c0", "c")),
        step=(
            Step(sql="SELECT $1", args=("n",), returns=("c0",)),
            Step(sql="SELECT $1, $2, $3, $4", args=("n_0_1", "n", "r0_0_c0", "c0")),
        ),
    )
    script = scripts(operation)[0]
    assert sorted(script.variables.values()) == ["a", "b", "c"]
    used = re.search(r"^SELECT (:\w+), (:\w+), (:\w+), (:\w+);$", script.text, re.MULTILINE)
    assert used is not None
    values = [script.variables.get(name.removeprefix(":")) for name in used.groups()]
    assert values == ["a", "b", "c", None]
    assert used[4] == ":r0_0_c0"
    assert not {"client_id", "scale", "random_seed", "default_seed"} & script.variables.keys()


# Values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("it's", "it's"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1e-5, "1e-05"),
        (decimal.Decimal("1.50"), "1.50"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.datetime(2024, 2, 29, 1, 2, 3, tzinfo=dt.UTC), "2024-02-29 01:02:03+00:00"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (b"\x00\xff", "\\x00ff"),
        (["a", 'say "hi"', "back\\slash", None, "NULL"], '{"a","say \\"hi\\"","back\\\\slash",NULL,"NULL"}'),
        ([[1, 2], [3, 4]], '{{"1","2"},{"3","4"}}'),
        ([], "{}"),
        ([""], '{""}'),
        (None, None),
    ],
)
def test_values_are_written_as_postgresql_reads_them(value: Any, text: str | None) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(("value", "reason"), [({"a": 1}, "a value of type dict"), ("", "an empty text")])
def test_a_value_that_pgbench_has_no_way_to_hold_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(ScenarioError, match=f"'op': the `pgbench` driver cannot send {reason}"):
        one("SELECT $1", choice("n", value))


def test_null_is_a_variable_that_nobody_defines() -> None:
    """PostgreSQL gets NULL for it in the extended protocol; the word NULL would arrive as text."""
    sample = source.Sample(names=("city", "size"), sql=TAKE)
    script = one("SELECT $1::text, $2::int", sample, populations={TAKE: [("Rome", None)]})
    assert script.text == "SELECT :v0_0_0_0::text, :v0_0_1_0::int;\n"
    assert script.variables == {"v0_0_0_0": "Rome"}


# Statements

N = source.Uniform(name="n", low=1, high=9)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT $1::int", "SELECT :v0_0::int;"),
        ("SELECT $1;\n", "SELECT :v0_0;"),
        ("SELECT $1 + $1", "SELECT :v0_0 + :v0_0;"),
        ("SELECT '$1', $1", "SELECT '$1', :v0_0;"),
        ("SELECT 'it''s $1', $1", "SELECT 'it''s $1', :v0_0;"),
        ("SELECT E'it\\'s $1', $1", "SELECT E'it\\'s $1', :v0_0;"),
        ('SELECT "$1", $1', 'SELECT "$1", :v0_0;'),
        ("SELECT $$a $1$$, $1", "SELECT $$a $1$$, :v0_0;"),
        ("SELECT $q$a $1 $$ $q$, $1", "SELECT $q$a $1 $$ $q$, :v0_0;"),
        ("SELECT 'two  spaces\n', $1", "SELECT 'two  spaces\n', :v0_0;"),
        ("SELECT '12:34:56'::time, $1", "SELECT '12:34:56'::time, :v0_0;"),
        ("SELECT a[1:2], $1", "SELECT a[1:2], :v0_0;"),
        ("SELECT 'a::b', $1", "SELECT 'a::b', :v0_0;"),
    ],
)
def test_a_statement_stays_as_it_is_but_for_its_arguments(sql: str, text: str) -> None:
    assert one(sql, N).text.split("\n", 1)[1] == text + "\n"


@pytest.mark.parametrize("comment", ["-- a:b ; $1 'c\n", "/* a:b ; $1 'c */"])
def test_comments_are_left_out_because_pgbench_looks_for_variables_there(comment: str) -> None:
    text = one(f"SELECT {comment} $1 {comment}", N).text.split("\n", 1)[1]
    assert text.split() == ["SELECT", ":v0_0;"]


def test_a_comment_sign_within_quotes_is_no_comment() -> None:
    assert "'-- no /* comment */'" in one("SELECT '-- no /* comment */', $1", N).text


@pytest.mark.parametrize("sql", ["SELECT 'a:b', $1", "SELECT a[1:n], $1", 'SELECT "a:b", $1', "SELECT $$x :y$$, $1"])
def test_a_colon_that_pgbench_would_take_for_a_variable_is_refused(sql: str) -> None:
    with pytest.raises(ScenarioError, match="'op': the `pgbench` driver takes a colon before a name for a variable"):
        one(sql, N)


def test_steps_become_a_transaction_that_passes_values_on() -> None:
    operation = Operation(
        name="move",
        parameters=(N,),
        step=(
            Step(
                sql="INSERT INTO t VALUES ($1) RETURNING id, n",
                args=("n",),
                returns=("id", "amount"),
            ),
            Step(sql="UPDATE u SET n = $2 WHERE id = $1", args=("id", "amount")),
        ),
    )
    assert scripts(operation)[0].text.splitlines() == [
        "\\set v0_0 random(1, 9)",
        "BEGIN;",
        "WITH step(c0, c1) AS (",
        "INSERT INTO t VALUES (:v0_0) RETURNING id, n",
        ") SELECT c0, c1 FROM step WHERE ROW(c0, c1) IS NOT NULL \\gset r0_0_",
        "UPDATE u SET n = :r0_0_c1 WHERE id = :r0_0_c0;",
        "COMMIT;",
    ]


def test_the_statement_of_an_operation_reads_the_same_in_all_its_scripts() -> None:
    """Else a pooler that tracks statements would prepare each script's own."""
    made = scripts(Operation(name="op", sql="SELECT $1, $2", parameters=(choice("a", *range(50)), N)))
    assert len(made) == 50
    assert len({re.sub(r":\w+", ":x", script.text) for script in made}) == 1
