"""Patches read as changes, and ideas derived from plans."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.measurement import Patch
from bench.analysis.tuning.candidate import Candidate
from bench.analysis.tuning.patches import read_patch
from bench.analysis.tuning.plans import from_plans
from bench.analysis.tuning.propose import Idea, single_out
from bench.model.change import Change
from bench.model.facts import PlanFact
from bench.model.relations import Relation
from bench.model.sql_script import split_statements
from tests.analysis.synthetic import scenario

Kind = Literal["pgbouncer.ini", "postgresql.conf", "sql", "scenario"]


def _read(kind: Kind, text: str) -> Change:
    return read_patch(Patch(kind=kind, text=text, rollback=""))


@pytest.mark.parametrize(
    ("kind", "text", "change"),
    [
        ("scenario", '[pool]\nsize = 8\nreset = "none"\n', Change(scenario={"pool.size": 8, "pool.reset": "none"})),
        ("postgresql.conf", "# why\nwork_mem = '64MB'  # a sort\njit = off\n",
         Change(server={"work_mem": "64MB", "jit": "off"})),
        ("pgbouncer.ini", "[pgbouncer]\ndefault_pool_size = 9\n; no\nserver_idle_timeout = 60\n",
         Change(scenario={"pooler.size": 9}, pooler={"server_idle_timeout": "60"})),
        ("sql", "-- a; b\nCREATE INDEX a ON t (x);\nANALYZE t;", Change(sql=("CREATE INDEX a ON t (x)", "ANALYZE t"))),
        ("sql", "ALTER ROLE app SET jit = off;", Change(sql=("ALTER ROLE app IN DATABASE {database} SET jit = off",))),
        ("sql", "ALTER DATABASE mine SET jit = off", Change(sql=("ALTER DATABASE {database} SET jit = off",))),
    ],
)  # fmt: skip
def test_a_patch_is_read_as_the_change_it_makes(kind: Kind, text: str, change: Change) -> None:
    assert _read(kind, text) == change


@pytest.mark.parametrize("text", ["ALTER SYSTEM SET jit = off", "DROP DATABASE x", "alter role z login"])
def test_what_reaches_beyond_one_database_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="beyond one database"):
        _read("sql", text)


@given(st.lists(st.text(alphabet="ab;-*/' \n", max_size=12), max_size=5))
def test_quoted_text_never_ends_a_statement(texts: list[str]) -> None:
    quoted = ["SELECT '" + text.replace("'", "''") + "'" for text in texts]
    assert split_statements(";\n".join(quoted)) == tuple(quoted)


def _ideas(node: dict[str, object], relation: Relation, **document: object) -> list[Change]:
    plan = {"Startup Cost": 0, "Total Cost": 9, "Plan Rows": 5, "Plan Width": 1, "Actual Loops": 1, **node}
    fact = PlanFact(
        operation="lookup", role="app", kind="custom", sql="", arguments=(), document={"Plan": plan, **document}
    )
    ideas = from_plans(scenario(), [fact], {relation.name: relation, "logs": LOGS})
    return [idea.candidate.change for idea in ideas]


LOGS = Relation(schema="public", name="logs", partitioned=True, partitions=("logs_1", "logs_2"))
TABLE = Relation(schema="public", name="t")
SCAN = {"Node Type": "Seq Scan", "Relation Name": "t", "Actual Rows": 3, "Rows Removed by Filter": 50_000}


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("((state = 'CA'::text) AND (day <= '2024-01-01'::date))", "ix_t_state_day ON t USING btree (state, day)"),
        ("((day > '2024-01-01'::date) AND ((kind)::text = 'x'::text))", "ix_t_kind_day ON t USING btree (kind, day)"),
        ("(doc @> '{\"a\": 1}'::jsonb)", "ix_t_doc_gin ON t USING gin (doc)"),
        ("(lower(email) = 'a'::text)", "ix_t_lower_email ON t USING btree (lower(email))"),
    ],
)
def test_a_scan_that_throws_most_rows_away_gets_an_index(condition: str, index: str) -> None:
    (change,) = _ideas({**SCAN, "Filter": condition}, TABLE)
    assert change.sql == (f"CREATE INDEX {index}", "ANALYZE t")


def test_a_partition_s_index_is_made_for_all_partitions_of_its_root() -> None:
    child = Relation(schema="public", name="logs_1", root="logs")
    node = {**SCAN, "Relation Name": "logs_1", "Filter": "(actor = 7)"}
    (change,) = _ideas(node, child)
    assert change.sql[0] == "CREATE INDEX ix_logs_actor ON logs USING btree (actor)"


def test_a_scan_that_keeps_most_rows_is_left_alone() -> None:
    node = {**SCAN, "Actual Rows": 90_000, "Plan Rows": 90_000, "Filter": "(state = 'CA'::text)"}
    assert _ideas(node, TABLE) == []


def test_an_estimate_far_off_asks_for_statistics() -> None:
    node = {"Node Type": "Seq Scan", "Relation Name": "t", "Actual Rows": 5_000}
    assert _ideas(node, TABLE) == [Change(sql=("ANALYZE t",))]


def test_a_sort_on_disk_asks_for_three_times_its_size() -> None:
    node = {"Node Type": "Sort", "Actual Rows": 5, "Sort Space Type": "Disk", "Sort Space Used": 9_000}
    assert _ideas(node, TABLE) == [Change(server={"work_mem": "32MB"})]


def test_compiling_that_takes_most_of_the_time_asks_for_jit_off() -> None:
    jit = {"Timing": {"Total": 80.0}}
    node = {"Node Type": "Result", "Actual Rows": 1}
    assert _ideas(node, TABLE, **{"JIT": jit, "Execution Time": 100.0}) == [Change(server={"jit": "off"})]


def _idea(title: str) -> Idea:
    patch = Patch(kind="scenario", text="", rollback="")
    return Idea(
        rank=0, candidate=Candidate(id="", title=title, rule="r", why="", source="", change=Change(), patch=patch)
    )


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        ((), ["pool.size = 8", "jit = off", "ANALYZE t"]),
        (("pool.size",), ["pool.size = 8"]),
        (("pool.*8", "ANALYZE"), ["pool.size = 8", "ANALYZE t"]),
        (("nothing",), []),
    ],
)
def test_only_what_was_asked_for_is_tried_and_the_rest_is_listed(patterns: tuple[str, ...], kept: list[str]) -> None:
    ideas = [_idea(title) for title in ("pool.size = 8", "jit = off", "ANALYZE t")]
    wanted, left = single_out(ideas, patterns)
    assert [idea.candidate.title for idea in wanted] == kept
    assert [one.title for one in left] == [i.candidate.title for i in ideas if i.candidate.title not in kept]
    assert all("--only" in one.reason for one in left)
