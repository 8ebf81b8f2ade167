"""Revision 003, the rate book's tables: years of rates, territories, factors and rules for every state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding.dates import DAY, HOUR, TODAY
from bench.environment.seeding.market import (
    COVERAGES,
    DISCOUNTS,
    LEVELS,
    MAKES,
    MODEL_YEARS,
    MODELS,
    NO_CREDIT,
    PRODUCTS,
    STATES,
    SURCHARGES,
    SYMBOLS,
)
from bench.environment.seeding.ratebook import EDITIONS, KEYS
from bench.environment.seeding.strings import digits, join, number
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.market import Rule
    from bench.environment.seeding.strings import Ints, Mask
    from bench.environment.seeding.table import World

_LAST_EDITION = len(EDITIONS) - 1
_DAYS = np.array(EDITIONS, dtype=np.int64)
NOTICE_DAYS = 45
"""Filed so long before it takes effect."""


def filed_at(effective: Ints) -> Ints:
    """Return the instant of filing for rates that take effect on these days."""
    return (effective - NOTICE_DAYS) * DAY + 15 * HOUR


def _rate_tables(world: World, ids: Ints) -> Columns:
    book = world.book
    revision, key = np.divmod(ids - 1, KEYS)
    state, coverage = np.divmod(key, len(COVERAGES))
    effective = book.starts[key, revision]
    last = revision == book.revisions - 1
    following = book.starts[key, np.minimum(revision + 1, book.revisions - 1)]
    return {
        "id": c.bigint(ids),
        "state": c.word(STATES, state),
        "product": c.word([PRODUCTS[item.product] for item in COVERAGES], coverage),
        "coverage": c.word([item.name for item in COVERAGES], coverage),
        "effective_date": c.date(effective),
        "expiration_date": c.date(following, null=last),
        "base_rate": c.numeric(book.base_cents[key, revision]),
        "minimum_premium": c.numeric(book.minimum_cents[coverage]),
        "filing_number": c.text(join(len(ids), [b"BNCH-", digits(ids, 9)])),
        "created_at": c.timestamptz(filed_at(effective)),
        "updated_at": c.timestamptz(filed_at(effective)),
    }


def _territories(world: World, ids: Ints) -> Columns:
    """One unit is a ZIP code; it has a territory in every product and filing."""
    book = world.book
    before = np.cumsum(book.postal_codes)
    unit = np.repeat(ids - 1, len(PRODUCTS) * len(EDITIONS))
    edition, product = np.divmod(np.tile(np.arange(len(PRODUCTS) * len(EDITIONS)), len(ids)), len(PRODUCTS))
    state = np.searchsorted(before, unit, side="right").astype(np.int64)
    known = state < len(STATES)  # rounding shares down leaves a few codes over
    unit, edition, product, state = unit[known], edition[known], product[known], state[known]
    position = unit - (before - book.postal_codes)[state]
    row = unit * len(PRODUCTS) * len(EDITIONS) + edition * len(PRODUCTS) + product + 1
    return {
        "id": c.bigint(row),
        "state": c.word(STATES, state),
        "product": c.word(PRODUCTS, product),
        "postal_code": c.text(digits(book.postal_code(state, position), 5)),
        "territory_code": c.text(digits(book.territory_code(position), 3)),
        "factor": c.numeric(10 * book.territory_factor(state, product, position, edition), scale=4),
        "effective_date": c.date(_DAYS[edition]),
        "created_at": c.timestamptz(filed_at(_DAYS[edition])),
    }


def _rating_factors(world: World, ids: Ints) -> Columns:
    edition, rest = np.divmod(ids - 1, len(STATES) * len(LEVELS))
    state, level = np.divmod(rest, len(LEVELS))
    credit = np.array([item.kind == "credit_tier" for item in LEVELS])
    filed = ~(credit[level] & np.isin(state, NO_CREDIT))
    ids, edition, state, level = ids[filed], edition[filed], state[filed], level[filed]
    plain = np.array([item.low is None for item in LEVELS])[level]
    return {
        "id": c.bigint(ids),
        "state": c.word(STATES, state),
        "product": c.word([PRODUCTS[item.product] for item in LEVELS], level),
        "factor_type": c.word([item.kind for item in LEVELS], level),
        "level": c.word([item.name for item in LEVELS], level),
        "band_low": c.integer(np.array([item.low or 0 for item in LEVELS])[level], null=plain),
        "band_high": c.integer(np.array([item.high or 0 for item in LEVELS])[level], null=plain),
        "factor": c.numeric(10 * world.book.level_factor(state, level, edition), scale=4),
        "effective_date": c.date(_DAYS[edition]),
        "created_at": c.timestamptz(filed_at(_DAYS[edition])),
    }


def _rule_terms(rules: tuple[Rule, ...], rule: Ints, edition: Ints) -> tuple[Ints, Mask]:
    """Return the last day of each row and where there is none: a filing ends where the next begins."""
    following = _DAYS[np.minimum(edition + 1, _LAST_EDITION)]
    withdrawn = np.array([item.ended for item in rules])[rule]
    end = np.where(edition < _LAST_EDITION, following, TODAY - 90)
    return end, (edition == _LAST_EDITION) & ~withdrawn


def _rules(world: World, ids: Ints, kind: str, rules: tuple[Rule, ...]) -> tuple[Columns, Columns, Ints, Ints]:
    edition, rest = np.divmod(ids - 1, len(STATES) * len(rules))
    state, rule = np.divmod(rest, len(rules))
    end, open_ended = _rule_terms(rules, rule, edition)
    head = {
        "id": c.bigint(ids),
        "state": c.word(STATES, state),
        "product": c.word([PRODUCTS[item.product] for item in rules], rule),
        "code": c.word([item.code for item in rules], rule),
        "name": c.word([item.name for item in rules], rule),
    }
    tail = {
        "effective_date": c.date(_DAYS[edition]),
        "expiration_date": c.date(end, null=open_ended),
        "created_at": c.timestamptz(filed_at(_DAYS[edition])),
    }
    return head, tail, rule, world.book.percent(kind, state, rule, edition)


def _discount_rules(world: World, ids: Ints) -> Columns:
    head, tail, rule, percent = _rules(world, ids, "discount_rules", DISCOUNTS)
    caps = np.array([item.cap for item in DISCOUNTS])[rule]
    return {**head, "percent": c.numeric(percent), "max_total_percent": c.numeric(caps), **tail}


def _surcharge_rules(world: World, ids: Ints) -> Columns:
    head, tail, rule, percent = _rules(world, ids, "surcharge_rules", SURCHARGES)
    flat = np.array([item.flat_cents for item in SURCHARGES])[rule]
    return {
        **head,
        "percent": c.numeric(percent, null=percent == 0),
        "flat_amount": c.numeric(flat, null=flat == 0),
        "lookback_months": c.smallint(np.array([item.lookback_months for item in SURCHARGES])[rule]),
        **tail,
    }


def symbol_of(model_year: Ints, model: Ints) -> Ints:
    """Return the rating symbol, 1 to 40, of a model (its position among all makes' models) in a year."""
    return (model * 7 + (model_year - MODEL_YEARS[0]) // 3) % SYMBOLS + 1


def _vehicle_symbols(_world: World, ids: Ints) -> Columns:
    year, model = np.divmod(ids - 1, len(MAKES) * len(MODELS))
    model_year = year + MODEL_YEARS[0]
    listed = np.full(len(ids), EDITIONS[0])
    return {
        "id": c.bigint(ids),
        "model_year": c.smallint(model_year),
        "make": c.word(MAKES, model // len(MODELS)),
        "model": c.word(MODELS, model % len(MODELS)),
        "symbol": c.text(number(symbol_of(model_year, model))),
        "effective_date": c.date(listed),
        "created_at": c.timestamptz(filed_at(listed)),
    }


RATE_TABLES = Table("rate_tables", lambda sizes: sizes.rate_revisions * KEYS, _rate_tables)
TABLES = (
    RATE_TABLES,
    Table("territories", lambda sizes: sizes.postal_codes, _territories, chunk=1_024),
    Table("rating_factors", lambda _: len(EDITIONS) * len(STATES) * len(LEVELS), _rating_factors),
    Table("discount_rules", lambda _: len(EDITIONS) * len(STATES) * len(DISCOUNTS), _discount_rules),
    Table("surcharge_rules", lambda _: len(EDITIONS) * len(STATES) * len(SURCHARGES), _surcharge_rules),
    Table("vehicle_symbols", lambda _: len(MODEL_YEARS) * len(MAKES) * len(MODELS), _vehicle_symbols),
)
