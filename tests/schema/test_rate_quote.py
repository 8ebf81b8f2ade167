"""rate_quote() and the same calculation in plain SQL agree with prices computed by hand."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import RawCursor

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.pg

_HERE = Path(__file__).parent
BY_FUNCTION = b"SELECT * FROM rate_quote($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
BY_PLAIN_SQL = (_HERE / "rating_calculation.sql").read_bytes()
LOOKUP = (_HERE / "rating_lookup.sql").read_bytes()


@dataclass(frozen=True)
class Risk:
    """The arguments of rate_quote, in its order."""

    state: str = "TX"
    product: str = "auto"
    coverage: str = "collision"
    postal_code: str = "78701"
    vehicle_symbol: str | None = "15"
    age: int | None = 40
    years_licensed: int | None = 20
    annual_mileage: int | None = 12000
    credit_tier: str | None = "A"
    risk_class: str | None = "commute"
    deductible: int | None = 500
    discounts: tuple[str, ...] | None = ()
    surcharges: tuple[str, ...] | None = ()
    on: date = date(2025, 3, 1)

    def arguments(self) -> list[Any]:
        return [list(value) if isinstance(value, tuple) else value for value in astuple(self)]


COMMUTER = Risk()
HOME = replace(
    COMMUTER, product="home", coverage="dwelling", risk_class="masonry", deductible=2500, discounts=("multi_policy",),
    vehicle_symbol=None, age=None, years_licensed=None, annual_mileage=None,
)  # fmt: skip
LIFE = replace(HOME, product="life", coverage="term_life", risk_class="preferred", age=35, credit_tier=None,
               deductible=None, discounts=())  # fmt: skip
UMBRELLA = replace(
    LIFE, product="umbrella", coverage="umbrella_liability", risk_class=None, age=None, discounts=None, surcharges=None
)
CALIFORNIAN = Risk(state="CA", postal_code="90001", annual_mileage=5000, credit_tier=None)

# Rated premium, discount, surcharge, premium; the working is in the comment.
PRICED: dict[str, tuple[Risk, str, str, str, str]] = {
    # 400 x 1.1 x 1.075 x 0.85 x 1.05 = 422.1525
    "no rules": (COMMUTER, "422.15", "0", "0", "422.15"),
    # 15 % of 422.15 = 63.3225
    "two discounts": (replace(COMMUTER, discounts=("multi_policy", "anti_theft")), "422.15", "63.32", "0", "358.83"),
    # 22.5 % of 422.15 = 94.98375, plus 25
    "two surcharges": (replace(COMMUTER, surcharges=("at_fault_accident", "sr22")), "422.15", "0", "119.98", "542.13"),
    # 22.5 % of 358.83 = 80.73675, plus 25
    "surcharge after discount": (
        replace(COMMUTER, discounts=("multi_policy", "anti_theft"), surcharges=("sr22", "at_fault_accident")),
        "422.15", "63.32", "105.74", "464.57",
    ),
    # 20 + 15 + 10 = 45, capped at 30 by safe_driver: 126.645, half a cent up
    "cap": (
        replace(COMMUTER, discounts=("safe_driver", "good_student", "multi_policy")), "422.15", "126.65", "0", "295.50",
    ),
    # 10 % of 422.15 = 42.215, half a cent up
    "named twice": (replace(COMMUTER, discounts=("multi_policy", "multi_policy")), "422.15", "42.22", "0", "379.93"),
    # 380 x 1.1 x 1.075 x 0.85 x 1.05 = 401.044875
    "last day of the old rate": (replace(COMMUTER, on=date(2024, 12, 31)), "401.04", "0", "0", "401.04"),
    # 7 % of 401.04 = 28.0728
    "a rule that has since ended": (
        replace(COMMUTER, on=date(2024, 6, 1), discounts=("early_bird",)), "401.04", "28.07", "0", "372.97",
    ),
    # 400 x 1.15 x 1.075 x 1.18 x 0.85 x 1.05 = 520.782675; 12 % = 62.4936
    "first day of new factors": (
        replace(COMMUTER, age=27, on=date(2025, 6, 1), discounts=("multi_policy",)), "520.78", "62.49", "0", "458.29",
    ),
    # 400 x 0.925 x 1.6 x 2.1 x 1.35 x 1.125 x 1.55 x 0.95 x 0.88 = 2446.612938; 15 % = 366.9915;
    # 15 % of 2079.62 = 311.943
    "everything against": (
        replace(
            COMMUTER, postal_code="75001", vehicle_symbol="40", age=17, years_licensed=0, annual_mileage=16000,
            credit_tier="E", risk_class="pleasure", deductible=1000, discounts=("good_student",),
            surcharges=("speeding",),
        ),
        "2446.61", "366.99", "311.94", "2391.56",
    ),
    # 520 x 1.4 x 1.05 x 0.98 x 0.92 x 1.02 = 702.9667008
    "no credit in California": (CALIFORNIAN, "702.97", "0", "0", "702.97"),
    # 1200 x 1.05 x 0.8 x 0.9 x 0.85 = 771.12; 12.5 % = 96.39
    "home": (HOME, "771.12", "96.39", "0", "674.73"),
    # 180 x 0.8 = 144, below the minimum
    "minimum premium": (LIFE, "144.00", "0", "0", "150.00"),
    # 180 x 2.45 x 2.25 = 992.25
    "life": (replace(LIFE, age=55, risk_class="smoker"), "992.25", "0", "0", "992.25"),
    "nothing but a base rate": (UMBRELLA, "220.00", "0", "0", "220.00"),
    "edges of bands": (
        # 400 x 1.1 x 1.075 x 2.1 x 1.35 x 0.9 x 0.85 x 1.05 = 1077.12210375
        replace(COMMUTER, age=20, years_licensed=2, annual_mileage=7500), "1077.12", "0", "0", "1077.12",
    ),
}  # fmt: skip

UNPRICED: dict[str, Risk] = {
    "credit tier in a state that forbids it": replace(CALIFORNIAN, credit_tier="A"),
    "coverage not sold": replace(COMMUTER, coverage="comprehensive"),
    "product not sold": replace(COMMUTER, product="renters"),
    "rate has ended": replace(UMBRELLA, on=date(2025, 7, 1)),
    "rate has not begun": replace(COMMUTER, on=date(2023, 12, 31)),
    "ZIP unknown": replace(COMMUTER, postal_code="00000"),
    "symbol unknown": replace(COMMUTER, vehicle_symbol="99"),
    "age in no band": replace(COMMUTER, age=22),
    "discount unknown": replace(COMMUTER, discounts=("multi_policy", "nice_person")),
    "discount has ended": replace(COMMUTER, discounts=("early_bird",)),
    "surcharge unknown": replace(COMMUTER, surcharges=("sr22", "grumpy")),
}


@pytest.fixture
def rated(at_003: str) -> Iterator[RawCursor[tuple[Any, ...]]]:
    """Give a cursor that speaks as the application to a database with the small rate book."""
    with psycopg.connect(at_003) as connection:
        connection.execute((_HERE / "rates.sql").read_bytes())
        connection.execute("SET ROLE bench_app")
        yield RawCursor(connection)


def test_prices_agree_with_those_computed_by_hand(rated: RawCursor[tuple[Any, ...]]) -> None:
    for name, (risk, *amounts) in PRICED.items():
        by_function = rated.execute(BY_FUNCTION, risk.arguments()).fetchall()
        assert [row[-4:] for row in by_function] == [tuple(map(Decimal, amounts))], name
        assert rated.execute(BY_PLAIN_SQL, risk.arguments()).fetchall() == by_function, name


def test_the_parts_make_the_rated_premium(rated: RawCursor[tuple[Any, ...]]) -> None:
    """Each part is what the rate book says, so a price can be explained."""
    risk = PRICED["everything against"][0]
    (row,) = rated.execute(BY_FUNCTION, risk.arguments()).fetchall()
    parts = ("400", "0.925", "1.6", "2.1", "1.35", "1.125", "1.55", "0.95", "0.88")
    assert row[1:10] == tuple(map(Decimal, parts))
    names = [column.name for column in rated.description or ()]
    rated.execute(BY_PLAIN_SQL, risk.arguments())
    assert [column.name for column in rated.description or ()] == names


def test_what_cannot_be_rated_has_no_price(rated: RawCursor[tuple[Any, ...]]) -> None:
    for name, risk in UNPRICED.items():
        assert rated.execute(BY_FUNCTION, risk.arguments()).fetchall() == [], name
        assert rated.execute(BY_PLAIN_SQL, risk.arguments()).fetchall() == [], name


def test_prices_are_to_the_cent(rated: RawCursor[tuple[Any, ...]]) -> None:
    for name, (risk, *_) in PRICED.items():
        (row,) = rated.execute(BY_FUNCTION, risk.arguments()).fetchall()
        assert all(amount.as_tuple().exponent >= -2 for amount in row[-4:]), name


def test_the_lookup_finds_the_rate_in_force(rated: RawCursor[tuple[Any, ...]]) -> None:
    for on, base_rate in (("2023-12-31", None), ("2024-01-01", 380), ("2024-12-31", 380), ("2025-01-01", 400)):
        row = rated.execute(LOOKUP, ["TX", "auto", "collision", date.fromisoformat(on)]).fetchone()
        assert (row and row[1]) == base_rate, on
