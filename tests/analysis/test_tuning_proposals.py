"""Patches read as changes, and ideas derived from plans."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.measurement import Finding, Patch
from bench.analysis.tuning.candidate import Candidate
from bench.analysis.tuning.indexes import from_plans
from bench.analysis.tuning.patches import read_patch
from bench.analysis.tuning.propose import Idea, from_findings, single_out
from bench.model.change import Change
from bench.model.facts import PlanFact
from bench.model.relations import Column, Relation
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


def _ideas(node: dict[str, object], relation: Relation, sql: str = "") -> list[Change]:
    plan = {"Startup Cost": 0, "Total Cost": 9, "Plan Rows": 5, "Plan Width": 1, "Actual Loops": 1, **node}
    fact = PlanFact(operation="lookup", role="app", kind="custom", sql=sql, arguments=(), document={"Plan": plan})
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


@pytest.mark.parametrize(
    ("sql", "condition", "index"),
    [
        (
            "SELECT id FROM t WHERE kind = $1 AND status = 'open'",
            "((kind = 7) AND (status = 'open'::text))",
            "ix_t_kind_status_open ON t USING btree (kind) WHERE status = 'open'",
        ),
        (
            "SELECT id FROM t WHERE status = 'open' AND day > $1",
            "((day > '2024-01-01'::date) AND (status = 'open'::text))",
            "ix_t_day_status_open ON t USING btree (day) WHERE status = 'open'",
        ),
        (
            "SELECT id FROM t WHERE kind = $1 AND gone IS NULL",
            "((gone IS NULL) AND (kind = 7))",
            "ix_t_kind_gone_is_null ON t USING btree (kind) WHERE gone IS NULL",
        ),
        (
            "SELECT id FROM t WHERE done = false",
            "(done = false)",
            "ix_t_done_done_false ON t USING btree (done) WHERE done = false",
        ),
    ],
)
def test_what_the_statement_itself_fixes_becomes_the_predicate_of_a_partial_index(
    sql: str, condition: str, index: str
) -> None:
    changes = _ideas({**SCAN, "Filter": condition}, TABLE, sql)
    assert f"CREATE INDEX {index}" in [change.sql[0] for change in changes]


def test_an_argument_is_no_predicate() -> None:
    changes = _ideas({**SCAN, "Filter": "(status = 'open'::text)"}, TABLE, "SELECT id FROM t WHERE status = $1")
    assert [change.sql[0] for change in changes] == ["CREATE INDEX ix_t_status ON t USING btree (status)"]


@pytest.mark.parametrize(
    ("correlation", "rows", "proposed"),
    [(0.99, 50_000, True), (-0.95, 50_000, True), (0.89, 50_000, False), (0.99, 9_000, False)],
)
def test_brin_is_for_a_range_of_a_column_in_the_order_of_a_large_table(
    correlation: float, rows: float, *, proposed: bool
) -> None:
    table = Relation(schema="public", name="t", rows=rows, columns={"day": Column(correlation=correlation)})
    changes = _ideas({**SCAN, "Filter": "(day > '2024-01-01'::date)"}, table)
    assert ("CREATE INDEX ix_t_day_brin ON t USING brin (day)" in [change.sql[0] for change in changes]) is proposed


FETCH = {"Node Type": "Index Scan", "Relation Name": "t", "Index Name": "ix_t_kind", "Actual Rows": 60, "Plan Rows": 60}
INDEXED = Relation(
    schema="public",
    name="t",
    indexes=("CREATE INDEX ix_t_kind ON public.t USING btree (kind, day DESC)",),
    columns={"id": Column(width_bytes=8), "kind": Column(width_bytes=4), "day": Column(width_bytes=4),
             "word": Column(width_bytes=33), "doc": Column(width_bytes=900)},
)  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "rows", "included"),
    [
        ("SELECT word, id FROM t WHERE kind = $1", 60, "id, word"),
        ("SELECT t.word FROM t WHERE t.kind = $1 ORDER BY t.id", 60, "id, word"),
        ("SELECT word FROM t WHERE kind = $1", 5, None),
        ("SELECT kind, day FROM t WHERE kind = $1", 60, None),
        ("SELECT * FROM t WHERE kind = $1", 60, None),
        ("SELECT doc FROM t WHERE kind = $1", 60, None),
        ("SELECT t.word FROM t JOIN u ON u.id = t.id WHERE kind = $1", 60, None),
    ],
)
def test_a_covering_index_holds_what_a_statement_fetches_row_by_row(sql: str, rows: int, included: str | None) -> None:
    changes = _ideas({**FETCH, "Actual Rows": rows, "Plan Rows": rows}, INDEXED, sql)
    wanted = f"ON t USING btree (kind, day DESC) INCLUDE ({included})"
    assert [change.sql[0].partition(" ON t")[2] for change in changes] == ([wanted[4:]] if included else [])


def test_a_scan_that_keeps_most_rows_is_left_alone() -> None:
    node = {**SCAN, "Actual Rows": 90_000, "Plan Rows": 90_000, "Filter": "(state = 'CA'::text)"}
    assert _ideas(node, TABLE) == []


@pytest.mark.parametrize(
    ("kind", "text", "status", "reason"),
    [
        ("postgresql.conf", "max_connections = 300", "measured", "a limit"),
        ("pgbouncer.ini", "query_wait_timeout = 5", "measured", "a limit"),
        ("postgresql.conf", "random_page_cost = 1.1", "rule of thumb", "a rule of thumb"),
        ("postgresql.conf", "work_mem = 64MB", "measured", None),
        ("scenario", "[pool]\nsize = 8", "rule of thumb", None),
    ],
)
def test_what_pairs_of_trials_could_not_decide_is_listed_and_not_tried(
    kind: Kind, text: str, status: str, reason: str | None
) -> None:
    finding = Finding(
        rule="r", severity="info", status=status, summary="s", evidence={}, remedy="m", source="x",
        patch=Patch(kind=kind, text=text, rollback=""),
    )  # fmt: skip
    ideas, refused = from_findings([finding])
    assert len(ideas) == (reason is None)
    assert [one.reason.partition(":")[0] for one in refused] == ([reason] if reason else [])


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
