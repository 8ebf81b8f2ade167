"""The loaded data, on a server of each version: the same everywhere, true to the rules, only in a database of ours."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psycopg
import pytest
from psycopg import sql

from bench.design.parameters import draw
from bench.environment.connection import connected
from bench.environment.dataset import provide_dataset, seed_database
from bench.environment.embedded import Where, session
from bench.environment.populations import read_populations
from bench.environment.seeding import SUBJECTS, loading
from bench.environment.seeding.dates import REFERENCE_DATE
from bench.environment.seeding.digest import content_digest, table_digests
from bench.model.errors import SetupError
from bench.model.scenario import Dataset
from bench.model.scenario_text import parse_scenario
from tests.conftest import BINDIRS, CHECKOUT, make_open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.environment.dataset import SeedReport
    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Operation

SMALL = Dataset(scale=0.01, seed=42)
TABLES = {table.name: table for subject in SUBJECTS for table in subject.tables}
PAST = (
    "created_at",
    "updated_at",
    "occurred_at",
    "received_at",
    "connected_at",
    "reported_at",
    "last_seen_at",
    "sent_at",
)


def _quiet(_: str) -> None:
    """Hear nothing."""


@pytest.fixture(scope="module")
def servers(pgbouncer: Path | None) -> Iterator[dict[str, Environment]]:
    """Both PostgreSQL versions, each with a migrated database."""
    folder = make_open_folder()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        yield {
            name: stack.enter_context(session(Where(folder / name, bindir(), pgbouncer)))
            for name, bindir in BINDIRS.items()
        }


@pytest.fixture(scope="module")
def reports(servers: dict[str, Environment]) -> dict[str, SeedReport]:
    """Load the small data set into both."""
    return {name: seed_database(environment.admin, SMALL, _quiet) for name, environment in servers.items()}


@pytest.fixture(params=list(BINDIRS))
def loaded(
    request: pytest.FixtureRequest, servers: dict[str, Environment], reports: dict[str, SeedReport]
) -> Environment:
    """Each server with the small data set."""
    assert reports
    return servers[request.param]


@pytest.fixture
def unmarked(servers: dict[str, Environment]) -> Iterator[Endpoint]:
    """An empty database that nobody marked as ours."""
    admin = servers["embedded"].admin
    with connected(admin) as connection:
        connection.execute("CREATE DATABASE somebody")
    yield msgspec.structs.replace(admin, dbname="somebody")
    with connected(admin) as connection:
        connection.execute("DROP DATABASE somebody WITH (FORCE)")


def _query(endpoint: Endpoint, text: str, *tables: str) -> list[tuple[Any, ...]]:
    """Ask one question; ``{}`` stands for a table."""
    with connected(endpoint) as connection:
        statement = sql.SQL(text).format(*map(sql.Identifier, tables)) if tables else text.encode()
        return connection.execute(statement).fetchall()


pg = pytest.mark.pg


@pg
def test_both_versions_hold_the_same_rows(servers: dict[str, Environment], reports: dict[str, SeedReport]) -> None:
    assert reports["embedded"].rows == reports["system"].rows
    digests = {name: table_digests(environment.admin) for name, environment in servers.items()}
    assert digests["embedded"] == digests["system"]
    counts = {table: int(digest.partition(":")[0]) for table, digest in digests["embedded"].items()}
    assert counts == reports["embedded"].rows
    assert all(counts.values())


@pg
def test_loading_again_undoes_every_change(loaded: Environment) -> None:
    before = content_digest(loaded.admin)
    with connected(loaded.admin) as connection:
        connection.execute("UPDATE quotes SET status = 'expired' WHERE status = 'offered'")
        connection.execute(
            "INSERT INTO audit_logs (job_name, action, entity_type, entity_id) VALUES ('test', 'read', 'policy', '1')"
        )
    assert content_digest(loaded.admin) != before
    seed_database(loaded.admin, SMALL, _quiet)
    assert content_digest(loaded.admin) == before


@pg
def test_what_is_there_is_not_loaded_again(loaded: Environment) -> None:
    heard: list[str] = []
    provide_dataset(loaded.admin, SMALL, heard.append)
    assert heard == []


@pg
def test_a_load_that_broke_off_is_not_taken_for_data(
    servers: dict[str, Environment], reports: dict[str, SeedReport]
) -> None:
    assert reports
    admin = servers["embedded"].admin

    class Stop(Exception):  # noqa: N818 - it is none
        pass

    def stop_at_quotes(text: str) -> None:
        if "quotes" in text:
            raise Stop

    with pytest.raises(Stop):
        seed_database(admin, SMALL, stop_at_quotes)
    heard: list[str] = []
    provide_dataset(admin, SMALL, heard.append)
    assert heard
    assert set(table_digests(admin)) == set(TABLES)


@pg
def test_a_database_that_is_not_ours_is_refused(unmarked: Endpoint) -> None:
    with connected(unmarked) as connection:
        connection.execute("CREATE TABLE customers (precious text)")
        connection.execute("COMMENT ON DATABASE somebody IS 'payroll'")
    for load in (
        lambda: provide_dataset(unmarked, SMALL, _quiet),
        lambda: seed_database(unmarked, SMALL, _quiet),
    ):
        with pytest.raises(SetupError, match="will not fill somebody") as caught:
            load()
        assert "--allow-destructive somebody" in caught.value.remedy
    with pytest.raises(SetupError, match="`--allow-destructive someone` names another database"):
        seed_database(unmarked, SMALL, _quiet, allow_destructive="someone")
    assert _query(unmarked, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [
        ("customers",)
    ]


@pg
def test_a_database_that_is_named_is_filled_and_keeps_its_comment(
    unmarked: Endpoint, reports: dict[str, SeedReport]
) -> None:
    with connected(unmarked) as connection:
        connection.execute("COMMENT ON DATABASE somebody IS 'staging'")
    report = seed_database(unmarked, SMALL, _quiet, allow_destructive="somebody")
    assert report.rows == reports["embedded"].rows
    assert _query(
        unmarked, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'somebody'"
    ) == [("staging",)]


@pg
def test_two_loads_at_once_are_refused(loaded: Environment) -> None:
    before = content_digest(loaded.admin)
    with connected(loaded.admin) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [0x73656564])
        with pytest.raises(SetupError, match="being filled by somebody else"):
            seed_database(loaded.admin, SMALL, _quiet)
    assert content_digest(loaded.admin) == before


# What the data say.


@pg
def test_every_rule_stayed_on_during_the_load(loaded: Environment) -> None:
    assert _query(loaded.admin, "SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
    assert _query(loaded.admin, "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O'") == []


@pg
def test_rates_cover_every_day_of_every_key(loaded: Environment) -> None:
    """No argument that a lookup draws goes without an answer, and none has two."""
    assert _query(
        loaded.app,
        """
        SELECT key.*, day::date, count(r.id)
        FROM (SELECT DISTINCT state, product, coverage FROM rate_tables) AS key
        CROSS JOIN generate_series(timestamp '2020-01-01', '2025-12-31', '17 days') AS day
        LEFT JOIN rate_tables AS r
          ON (r.state, r.product, r.coverage) = (key.state, key.product, key.coverage)
          AND r.effective_date <= day AND (r.expiration_date IS NULL OR r.expiration_date > day)
        GROUP BY key.state, key.product, key.coverage, day
        HAVING count(r.id) <> 1
        """,
    ) == []  # fmt: skip


def _operation(name: str) -> Operation:
    path = CHECKOUT / "scenarios" / f"{name}.toml"
    return parse_scenario(path.read_text(), str(path)).operation[0]


def _answers(environment: Environment, operation: Operation, count: int) -> list[tuple[tuple[Any, ...], list[Any]]]:
    """Draw arguments as a run does, and ask as the application does."""
    populations = read_populations(environment.app, [operation])
    drawn = draw(operation.parameters, populations, count, np.random.default_rng(1))
    with connected(environment.app) as connection:
        cursor = psycopg.RawCursor(connection)
        text = operation.steps[0].sql.encode()
        return [(arguments, cursor.execute(text, arguments).fetchall()) for arguments in drawn]


@pg
def test_every_drawn_lookup_finds_a_rate(loaded: Environment) -> None:
    answers = _answers(loaded, _operation("rating_lookup"), 400)
    assert all(len(rows) == 1 for _, rows in answers)
    assert len({rows[0][0] for _, rows in answers}) > 100


@pg
def test_the_shipped_calculation_agrees_with_rate_quote(loaded: Environment) -> None:
    answers = _answers(loaded, _operation("rating_calculation"), 120)
    with connected(loaded.app) as connection:
        cursor = psycopg.RawCursor(connection)
        call = b"SELECT * FROM rate_quote($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
        for arguments, rows in answers:
            assert len(rows) == 1
            assert cursor.execute(call, arguments).fetchall() == rows


@pg
def test_stored_prices_are_those_of_rate_quote(loaded: Environment) -> None:
    """The generator prices by its own arithmetic; the database computes every stored price again."""
    assert _query(
        loaded.app,
        """
        SELECT c.id, c.premium, q.premium
        FROM rating_calculations AS c
        LEFT JOIN LATERAL rate_quote(
            c.inputs ->> 'state', c.inputs ->> 'product', c.inputs ->> 'coverage', c.inputs ->> 'zip',
            c.inputs ->> 'vehicle_symbol', (c.inputs ->> 'driver_age')::integer,
            (c.inputs ->> 'years_licensed')::integer, (c.inputs ->> 'annual_mileage')::integer,
            c.inputs ->> 'credit_tier', c.inputs ->> 'risk_class', (c.inputs ->> 'deductible')::integer,
            ARRAY(SELECT jsonb_array_elements_text(c.inputs -> 'discounts')),
            ARRAY(SELECT jsonb_array_elements_text(c.inputs -> 'surcharges')), c.rated_on) AS q ON true
        WHERE (c.rate_table_id, c.base_rate, c.rated_premium, c.discount, c.surcharge, c.premium)
          IS DISTINCT FROM (q.rate_table_id, q.base_rate, q.rated_premium, q.discount, q.surcharge, q.premium)
        """,
    ) == []  # fmt: skip


@pg
def test_a_sold_quote_and_its_policy_agree(loaded: Environment) -> None:
    pairs = _query(
        loaded.app,
        """
        SELECT (q.customer_id, q.product, q.state, q.premium, q.requested_effective_date, q.status)
               = (p.customer_id, p.product, p.state, p.premium, p.effective_date, 'converted')
               AND c.premium = p.premium AND v.premium = p.premium AND c.converted_at <= p.bound_at
        FROM quote_conversions AS c JOIN quotes AS q ON q.id = c.quote_id JOIN policies AS p ON p.id = c.policy_id
        JOIN quote_versions AS v ON (v.quote_id, v.version_number) = (c.quote_id, c.version_number)
        """,
    )
    assert pairs
    assert all(agree for (agree,) in pairs)


@pg
def test_nothing_is_recorded_after_the_reference_date(loaded: Environment) -> None:
    """The data have a "today" of their own, so that they are the same in any year."""
    end = dt.datetime.combine(REFERENCE_DATE, dt.time(), dt.UTC)
    with loading.connected_as_owner(loaded.admin) as connection:
        for name in TABLES:
            columns = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attname = ANY (%s)",
                [name, list(PAST)],
            ).fetchall()
            for (column,) in columns:
                query = sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(column), sql.Identifier(name))
                [(latest,)] = connection.execute(query).fetchall()
                assert latest <= end, f"{name}.{column}"


@pg
def test_the_audit_log_spans_thirteen_months_and_fills_no_default_partition(loaded: Environment) -> None:
    (months,) = _query(loaded.admin, "SELECT count(DISTINCT date_trunc('month', created_at)) FROM audit_logs")[0]
    assert months >= 13
    for table in ("audit_logs_default", "analytics_events_default"):
        assert _query(loaded.admin, "SELECT count(*) FROM {}", table) == [(0,)]


@pg
def test_several_tenants_own_rows_under_row_level_security(loaded: Environment) -> None:
    for table in ("system_settings", "admin_activity_logs", "rate_approvals", "rate_approval_steps"):
        (tenants,) = _query(loaded.admin, "SELECT count(DISTINCT tenant_id) FROM {}", table)[0]
        assert tenants >= 5, table
        assert _query(loaded.app, "SELECT count(*) FROM {}", table) == [(0,)], table


@pg
def test_the_book_is_skewed_as_a_real_one(loaded: Environment) -> None:
    rows = _query(loaded.admin, "SELECT state, count(*) FROM customers GROUP BY state ORDER BY 2 DESC")
    assert [state for state, _ in rows[:2]] == ["CA", "TX"]
    ends = dict(_query(loaded.admin, "SELECT status, count(*) FROM quotes GROUP BY status"))
    total = sum(ends.values())
    assert ends["expired"] / total > 0.5
    assert 0.08 < ends["converted"] / total <= 0.125
    ((median, mean),) = _query(
        loaded.admin,
        "SELECT (percentile_cont(0.5) WITHIN GROUP (ORDER BY claimed_amount))::float, avg(claimed_amount)::float"
        " FROM claims",
    )
    assert mean > 2 * median


@pg
def test_no_value_can_belong_to_a_real_person(loaded: Environment) -> None:
    for table, column in (("customers", "email"), ("users", "email"), ("sso_user_links", "external_email")):
        reserved = r"SELECT {1} FROM {0} WHERE {1} !~ '(@|\.)(example\.com|invalid)$'"
        assert _query(loaded.admin, reserved, table, column) == []
    assert _query(loaded.admin, r"SELECT phone FROM customers WHERE phone !~ '^\+1[2-9][0-9]{2}55501[0-9]{2}$'") == []
    assert _query(loaded.admin, "SELECT ip_address FROM user_sessions WHERE NOT ip_address <<= '10.0.0.0/8'") == []


@pg
def test_lookups_need_no_heap_page_after_the_load(loaded: Environment) -> None:
    """Every page is marked visible to all and statistics are there, so plans do not depend on what autovacuum did."""
    for table in TABLES:
        pages = "SELECT relpages, relallvisible FROM pg_class WHERE relname = %s AND relkind = 'r'"
        with connected(loaded.admin) as connection:
            for there, visible in connection.execute(pages, [table]):
                assert there == visible > 0, table


@pg
def test_a_transaction_from_before_the_load_is_named_instead_of_leaving_rows_unsettled(
    loaded: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PATIENCE_S", 0.2)
    with psycopg.connect(loaded.admin.dsn()) as reader, connected(loaded.admin) as other:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT 1")
        other.execute("SELECT txid_current()")
        with pytest.raises(SetupError, match="began before the load"):
            loading.await_older_snapshots(loaded.admin)
        reader.rollback()
        loading.await_older_snapshots(loaded.admin)


@pg
def test_new_rows_go_on_behind_the_loaded_ids(loaded: Environment) -> None:
    (highest,) = _query(loaded.admin, "SELECT max(id) FROM policies")[0]
    (following,) = _query(loaded.admin, "SELECT nextval('policies_id_seq')")[0]
    assert following > highest
