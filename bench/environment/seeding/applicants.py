"""Revisions 002 and 003, the details of quotes: drivers, vehicles, and the calculations behind the prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import lines, people, quotes, risks
from bench.environment.seeding.dates import DAY, TODAY
from bench.environment.seeding.market import (
    COVERAGES,
    DISCOUNTS,
    LEVELS,
    LIFE,
    MAKES,
    MODELS,
    PRODUCTS,
    STATES,
    SURCHARGES,
)
from bench.environment.seeding.rates import symbol_of
from bench.environment.seeding.strings import digits, join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.lines import Lines
    from bench.environment.seeding.quotes import Quotes
    from bench.environment.seeding.strings import Ints, Octets, Strings
    from bench.environment.seeding.table import World

_RELATIONS = ("self", "spouse", "partner", "child", "parent", "other")
_MARITAL = ("single", "married", "domestic_partner", "divorced", "widowed")
_LICENCES = ("valid", "permit", "suspended", "expired", "none")
_USAGES = ("pleasure", "commute", "business", "farm")
_OWNERSHIPS = ("owned", "financed", "leased")
_VIN_LETTERS = np.frombuffer(b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789", dtype=np.uint8)
_CALCULATIONS = 2
"""Coverages of the newest version whose calculation is kept."""


def _drivers(world: World, ids: Ints) -> Columns:
    made = quotes.quotes(world, ids)
    count = risks.drivers_of(world, made.insured.risk, made.insured.product)
    owner = np.repeat(np.arange(len(ids)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + 1
    risk = made.insured.risk[owner]
    draw = world.draw("quote_drivers")
    key = risk * 16 + place
    someone = risks.person(world, risk, place)
    given, family = people.draw_names(draw, key)
    licence = draw.choice("licence", key, (94, 3, 1, 1, 1))
    shown = draw.happens("number_given", key, 0.5)
    relation = np.where(place == 1, 0, np.where(place == 2, 1, 2 + draw.choice("relation", key, (10, 60, 10, 20))))
    birth = made.created[owner] // DAY - 365 * someone.age - someone.age // 4 - draw.integers("day", key, 1, 360)
    return {
        "quote_id": c.bigint(ids[owner]),
        "driver_number": c.smallint(place),
        "first_name": c.text(people.given_name(given)),
        "last_name": c.text(people.family_name(family)),
        "date_of_birth": c.date(np.minimum(birth, TODAY - 16 * 366)),
        "relationship": c.word(_RELATIONS, relation),
        "marital_status": c.word(_MARITAL, draw.choice("marital", key, (34, 46, 5, 10, 5)), null=place > 2),
        "license_state": c.word(STATES, made.insured.state[owner], null=licence == 4),
        "license_status": c.word(_LICENCES, licence),
        "license_number_encrypted": c.bytea(people.encrypted(draw, "licence_text", key, 12), null=~shown),
        "kms_key_id": c.word([people.KMS_KEY], np.zeros(len(owner), np.int64), null=~shown),
        "years_licensed": c.smallint(np.minimum(someone.years_licensed, 85)),
        "accidents_3y": c.smallint(draw.choice("accidents", key, (88, 10, 2))),
        "violations_3y": c.smallint(draw.choice("violations", key, (82, 13, 4, 1))),
        "good_student": c.boolean((someone.age < 25) & draw.happens("student", key, 0.4)),
        "sr22_required": c.boolean(draw.happens("sr22", key, 0.01)),
        "excluded": c.boolean((licence >= 2) | draw.happens("excluded", key, 0.01)),
    }


def _vehicles(world: World, ids: Ints) -> Columns:
    made = quotes.quotes(world, ids)
    owner, place = lines.vehicles(world, made.insured)
    insured = made.insured.take(owner)
    draw = world.draw("risk_vehicles")
    key = insured.risk * 16 + place
    year, model = risks.vehicle(world, insured.risk, place)
    return {
        "quote_id": c.bigint(ids[owner]),
        "vehicle_number": c.smallint(place),
        "model_year": c.smallint(year),
        "make": c.word(MAKES, model // len(MODELS)),
        "model": c.word(MODELS, model % len(MODELS)),
        "vin": c.text(_vin(world, key)),
        "symbol": c.text(number(symbol_of(year, model))),
        "usage": c.word(_USAGES, draw.choice("usage", key, (30, 62, 6, 2))),
        "annual_mileage": c.integer(risks.mileage(world, insured.risk, place)),
        "garaging_zip": c.text(digits(world.book.postal_code(insured.state, insured.position), 5)),
        "ownership": c.word(_OWNERSHIPS, draw.choice("ownership", key, (50, 38, 12))),
        "anti_theft": c.boolean(draw.happens("anti_theft", key, 0.6)),
        "cost_new": c.numeric(100 * draw.integers("cost", key, 14_000, 80_000), null=draw.happens("no_cost", key, 0.2)),
    }


def _vin(world: World, key: Ints) -> Octets:
    """Return vehicle numbers of the right alphabet, without a valid maker's code."""
    letters = _VIN_LETTERS[world.draw("risk_vehicles").octets("vin", key, 17) % len(_VIN_LETTERS)]
    letters[:, :3] = np.frombuffer(b"000", dtype=np.uint8)
    return letters


def _newest_lines(world: World, made: Quotes) -> tuple[Lines, Ints, Ints]:
    """Price the newest version of quotes, and choose the first lines of each that has one; also the lines' places."""
    priced = lines.price_lines(world, made.insured)
    count = np.bincount(priced.owner, minlength=len(made.id))
    place = np.arange(len(priced.owner)) - (np.cumsum(count) - count)[priced.owner]
    kept = np.flatnonzero((place < _CALCULATIONS) & (made.versions[priced.owner] > 0))
    return priced, kept, place[kept]


def _calculations(world: World, ids: Ints) -> Columns:
    made = quotes.quotes(world, ids)
    priced, at, place = _newest_lines(world, made)
    owner = priced.owner[at]
    prices = priced.prices
    return {
        "id": c.bigint((made.id[owner] - 1) * _CALCULATIONS + place + 1),
        "quote_id": c.bigint(made.id[owner]),
        "version_number": c.integer(made.versions[owner]),
        "rate_table_id": c.bigint(prices.rate_table_id[at]),
        "rated_on": c.date(made.insured.day[owner]),
        "inputs": c.jsonb(_inputs(world, made, priced, at)),
        "base_rate": c.numeric(prices.base[at]),
        "factors": c.jsonb(_factors(prices.factors[at])),
        "rated_premium": c.numeric(prices.rated[at]),
        "discount": c.numeric(prices.discount[at]),
        "surcharge": c.numeric(prices.surcharge[at]),
        "premium": c.numeric(prices.premium[at]),
        "calculated_at": c.timestamptz(quotes.priced_at(made, owner, made.versions[owner])),
    }


def _inputs(world: World, made: Quotes, priced: Lines, at: Ints) -> Strings:
    """Write the arguments of ``rate_quote`` by name; those that do not apply are left out."""
    count, owner = len(at), priced.owner[at]
    insured = made.insured.take(owner)
    rated = priced.rated.take(at)
    vehicle = np.maximum(priced.vehicle[at], 1)
    driver = risks.person(world, insured.risk, np.ones(count, dtype=np.int64))
    symbol, age, experience, mileage, credit, risk_class, deductible = rated.levels.T
    is_life = np.array([item.product for item in COVERAGES])[rated.coverage] == LIFE
    names = vocabulary(level.name for level in LEVELS)
    years = np.where(is_life, risks.life_age(world, insured.risk), driver.age)
    codes = [np.maximum(column, 0) for column in rated.discounts.T]
    discount_words = vocabulary(f'"{rule.code}"' for rule in DISCOUNTS)
    comma = vocabulary([b","]).take(np.zeros(count, dtype=np.int64))
    word = {name: names.take(np.maximum(column, 0)) for name, column in (
        ("vehicle_symbol", symbol), ("credit_tier", credit), ("risk_class", risk_class))}  # fmt: skip
    quoted = {name: join(count, [f',"{name}":"'.encode(), text, b'"']) for name, text in word.items()}
    plain = {
        "driver_age": (years, age),
        "years_licensed": (driver.years_licensed, experience),
        "annual_mileage": (risks.mileage(world, insured.risk, vehicle), mileage),
        "deductible": (lines.dollars(deductible), deductible),
    }
    facts = [join(count, [f',"{name}":'.encode(), number(v)]).only(level >= 0) for name, (v, level) in plain.items()]
    return join(
        count,
        [
            b'{"state":"', vocabulary(STATES).take(rated.state), b'","product":"',
            vocabulary(PRODUCTS).take(insured.product), b'","coverage":"',
            vocabulary(item.name for item in COVERAGES).take(rated.coverage), b'","zip":"',
            digits(world.book.postal_code(rated.state, rated.postal_code), 5), b'"',
            quoted["vehicle_symbol"].only(symbol >= 0), quoted["credit_tier"].only(credit >= 0),
            quoted["risk_class"].only(risk_class >= 0), *facts, b',"discounts":[',
            discount_words.take(codes[0]).only(rated.discounts[:, 0] >= 0), comma.only(rated.discounts[:, 1] >= 0),
            discount_words.take(codes[1]).only(rated.discounts[:, 1] >= 0), b'],"surcharges":[',
            vocabulary(f'"{rule.code}"' for rule in SURCHARGES).take(np.maximum(rated.surcharge, 0)).only(
                rated.surcharge >= 0
            ),
            b"]}",
        ],
    )  # fmt: skip


def _factors(thousandths: Ints) -> Strings:
    names = ("territory", "symbol", "age", "experience", "mileage", "credit", "class", "deductible")
    parts: list[bytes | Strings | Octets] = []
    for name, column in zip(names, thousandths.T, strict=True):
        parts += [f'{"," if parts else "{"}"{name}":'.encode(), number(column // 1000), b".", digits(column % 1000, 3)]
    return join(len(thousandths), [*parts, b"}"])


TABLES = (
    quotes.QUOTES,
    Table("quote_drivers", quotes.QUOTES.units, _drivers, chunk=4_096),
    Table("quote_vehicles", quotes.QUOTES.units, _vehicles, chunk=4_096),
    quotes.VERSIONS,
    quotes.COVERAGE_LINES,
    quotes.CONVERSIONS,
    Table("rating_calculations", quotes.QUOTES.units, _calculations, chunk=4_096),
)
