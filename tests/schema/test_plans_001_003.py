"""The indexes of revisions 001 to 003 serve the queries they were made for, as the application role."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.pg

_HERE = Path(__file__).parent
Connection = psycopg.Connection[tuple[Any, ...]]

# A few thousand rows a table, so that the planner has a choice and makes it by cost.
FILL = b"""
INSERT INTO customers (customer_number, first_name, last_name, date_of_birth, email, address_line1, city, state,
                       postal_code)
SELECT 'C' || lpad(n::text, 9, '0'), 'Given' || n % 50, 'Family' || n, '1980-01-01', 'User' || n || '@example.com',
       n || ' Main Street', 'Austin', 'TX', lpad((n % 1000)::text, 5, '0')
FROM generate_series(1, 3000) AS n;

INSERT INTO policies (policy_number, customer_id, product, state, status, effective_date, expiration_date, term_months,
                      premium, billing_plan, underwriting_tier, coverage, bound_at)
SELECT 'AU' || lpad(n::text, 10, '0'), n, 'auto', 'TX', CASE n % 10 WHEN 0 THEN 'active' ELSE 'expired' END,
       DATE '2020-01-01' + n % 1500, DATE '2020-07-01' + n % 1500, 6, 600, 'full', 'standard',
       jsonb_build_object('limits', '{}'::jsonb, 'vehicles', jsonb_build_array(jsonb_build_object('vin', 'VIN' || n))),
       now()
FROM generate_series(1, 3000) AS n;

INSERT INTO users (email, display_name, user_type)
SELECT 'Agent' || n || '@example.com', 'Agent', 'agent' FROM generate_series(1, 3000) AS n;

INSERT INTO quotes (quote_number, customer_id, product, state, postal_code, channel, status, requested_effective_date,
                    vehicle_info, premium, expires_at)
SELECT 'Q' || lpad(n::text, 10, '0'), n, CASE WHEN n % 3 = 0 THEN 'home' ELSE 'auto' END, 'TX', '78701', 'web',
       CASE n % 20 WHEN 0 THEN 'offered' ELSE 'expired' END, current_date + 1,
       CASE WHEN n % 3 <> 0 THEN jsonb_build_object('vehicles', jsonb_build_array(
           jsonb_build_object('make', 'Make' || n % 40, 'model', 'Model' || n % 700, 'year', 2000 + n % 25))) END,
       600, now() + interval '1 day' * (1 + n % 30)
FROM generate_series(1, 3000) AS n;

INSERT INTO rate_tables (state, product, coverage, effective_date, expiration_date, base_rate, minimum_premium,
                         filing_number)
SELECT state, 'auto', coverage, DATE '2020-01-01' + q * 91, DATE '2020-01-01' + q * 91 + 91, 300 + q, 50,
       'BNCH-000000001'
FROM unnest('{TX,CA,NY,FL,OH,PA,IL,GA,NC,MI}'::text[]) AS state,
     unnest('{collision,comprehensive,bodily_injury,property_damage}'::text[]) AS coverage,
     generate_series(0, 39) AS q;

INSERT INTO rating_factors (state, product, factor_type, level, band_low, band_high, factor, effective_date)
SELECT state, 'auto', kind, low || '-' || low + 4, low, low + 4, 1 + low * 0.001, DATE '2020-01-01' + 365 * y
FROM unnest('{TX,CA,NY,FL,OH,PA,IL,GA,NC,MI}'::text[]) AS state, unnest('{age,experience}'::text[]) AS kind,
     generate_series(0, 95, 5) AS low, generate_series(0, 4) AS y;
INSERT INTO rating_factors (state, product, factor_type, level, factor, effective_date)
SELECT state, 'auto', 'vehicle_symbol', n, 1 + n * 0.01, '2020-01-01'
FROM unnest('{TX,CA,NY,FL,OH,PA,IL,GA,NC,MI}'::text[]) AS state, generate_series(1, 60) AS n;

INSERT INTO territories (state, product, postal_code, territory_code, factor, effective_date)
SELECT state, 'auto', lpad(n::text, 5, '0'), '001', 1, '2020-01-01'
FROM unnest('{TX,CA,NY,FL,OH,PA,IL,GA,NC,MI}'::text[]) AS state, generate_series(1, 400) AS n;

INSERT INTO vehicle_symbols (model_year, make, model, symbol, effective_date)
SELECT 2000 + n % 25, 'Make' || n % 40, 'Model' || n, '15', '2024-01-01' FROM generate_series(1, 3000) AS n;
"""

# Index, kind of scan, query. Parameters are given with PREPARE, as drivers do.
SERVED: list[tuple[str, str, str, str]] = [
    (
        "ix_rate_tables_state_product_coverage_date", "Index Only Scan",
        (_HERE / "rating_lookup.sql").read_text(), "'TX', 'auto', 'collision', DATE '2024-05-05'",
    ),
    (
        "ix_rating_factors_band", "Index Only Scan",
        """SELECT factor FROM rating_factors
           WHERE state = $1 AND product = $2 AND factor_type = $3 AND band_low <= $4 AND band_high >= $4
             AND effective_date <= $5 ORDER BY effective_date DESC LIMIT 1""",
        "'TX', 'auto', 'age', 42, DATE '2024-05-05'",
    ),
    (
        "uq_rating_factors_level", "Index Only Scan",
        """SELECT factor FROM rating_factors
           WHERE state = $1 AND product = $2 AND factor_type = 'vehicle_symbol' AND level = $3
             AND effective_date <= $4 ORDER BY effective_date DESC LIMIT 1""",
        "'TX', 'auto', '15', DATE '2024-05-05'",
    ),
    (
        "uq_territories_postal_code", "Index Only Scan",
        """SELECT factor FROM territories WHERE state = $1 AND product = $2 AND postal_code = $3
             AND effective_date <= $4 ORDER BY effective_date DESC LIMIT 1""",
        "'TX', 'auto', '00123', DATE '2024-05-05'",
    ),
    (
        "uq_vehicle_symbols_vehicle", "Index Scan",
        """SELECT symbol FROM vehicle_symbols WHERE lower(make) = lower($1) AND lower(model) = lower($2)
             AND model_year = $3::smallint AND effective_date <= $4 ORDER BY effective_date DESC LIMIT 1""",
        "'MAKE5', 'model45', 2020, DATE '2024-05-05'",
    ),
    (
        "ix_policies_coverage_gin", "Bitmap Index Scan",
        "SELECT id FROM policies WHERE coverage @> $1::jsonb", """'{"vehicles": [{"vin": "VIN77"}]}'""",
    ),
    (
        "ix_quotes_vehicle_info_gin", "Bitmap Index Scan",
        "SELECT id FROM quotes WHERE vehicle_info @> $1::jsonb",
        """'{"vehicles": [{"make": "Make7", "year": 2022}]}'""",
    ),
    (
        "ix_policies_customer_id", "Index Only Scan",
        "SELECT policy_number, product FROM policies WHERE customer_id = $1 ORDER BY effective_date DESC", "77",
    ),
    (
        "ix_policies_renewal_due", "Index Scan",
        "SELECT id FROM policies WHERE status = 'active' AND expiration_date < $1 ORDER BY expiration_date LIMIT 20",
        "DATE '2021-01-01'",
    ),
    (
        "ix_customers_email_lower", "Index Scan",
        "SELECT id FROM customers WHERE lower(email) = lower($1::text)", "'USER77@example.com'",
    ),
    (
        "ix_customers_name_search", "Index Scan",
        "SELECT id FROM customers WHERE lower(last_name) LIKE 'family77%' AND lower(first_name) LIKE $1", "'given27%'",
    ),
    (
        "uq_users_email_lower", "Index Scan",
        "SELECT id FROM users WHERE lower(email) = lower($1::text)", "'AGENT77@example.com'",
    ),
    (
        "ix_quotes_customer_id", "Index Scan",
        "SELECT quote_number FROM quotes WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 1", "77",
    ),
    (
        "ix_quotes_open_expiry", "Index Scan",
        """SELECT id FROM quotes WHERE status IN ('draft', 'priced', 'offered', 'accepted') AND expires_at < $1
           ORDER BY expires_at LIMIT 5""",
        "now() + interval '20 days'",
    ),
]  # fmt: skip


@pytest.fixture
def filled(at_003: str) -> Iterator[Connection]:
    """Give a connection, as the application, to a database with a few thousand rows a table."""
    with psycopg.connect(at_003, autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("SET ROLE bench_app")
        yield connection


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in _nodes(child))]


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_each_query_is_served_by_its_index(mode: str, filled: Connection) -> None:
    """With the values known and without: the index is used, nothing is sorted, and it finds something."""
    wrong = {}
    filled.execute(f"SET plan_cache_mode = {mode}".encode())
    for index, kind, query, values in SERVED:
        filled.execute(f"PREPARE probe AS {query}".encode())
        answer = filled.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE probe({values})".encode()).fetchone()
        filled.execute("DEALLOCATE probe")
        assert answer is not None
        nodes = _nodes(answer[0][0]["Plan"])
        shape = [(node["Node Type"], node.get("Index Name")) for node in nodes]
        if (kind, index) not in shape or any("Sort" in node["Node Type"] for node in nodes):
            wrong[index] = shape
        assert nodes[0]["Actual Rows"] >= 1, index
    assert wrong == {}


def test_the_planner_sees_through_rate_quote(filled: Connection) -> None:
    """The call is replaced by its query: the plan shows the rate index instead of a function scan."""
    answer = filled.execute(
        """EXPLAIN (FORMAT JSON)
           SELECT premium FROM rate_quote('TX', 'auto', 'collision', '00123', '15', 42, 20, NULL, NULL, NULL, NULL,
                                          NULL, NULL, DATE '2024-05-05')"""
    ).fetchone()
    assert answer is not None
    nodes = _nodes(answer[0][0]["Plan"])
    assert "ix_rate_tables_state_product_coverage_date" in {node.get("Index Name") for node in nodes}
    assert not any(node.get("Function Name") == "rate_quote" for node in nodes)
