"""The rate book: what is filed in each state, found for many risks at once and priced as rate_quote() prices them.

The tables of the rating engine are written from it, and stored prices are computed with it, so that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding.dates import RATES_FROM, TODAY, day_number
from bench.environment.seeding.market import COVERAGES, DISCOUNTS, LEVELS, POPULATION, STATES, SURCHARGES
from bench.environment.seeding.scale import POSTAL_CODES_CEILING

if TYPE_CHECKING:
    from bench.environment.seeding.draw import Source
    from bench.environment.seeding.scale import Sizes
    from bench.environment.seeding.strings import Ints

KEYS = len(STATES) * len(COVERAGES)
FIRST_DAY = day_number(RATES_FROM)
EDITIONS = tuple(FIRST_DAY + days for days in (0, 730, 1461))
"""Days on which territories, factors and rules were filed anew."""
TERRITORY_CODES = 24
_CODES_PER_STATE = POSTAL_CODES_CEILING // len(STATES)
_FIRST_POSTAL_CODE = 1_000


@dataclass(frozen=True, slots=True)
class Risks:
    """One coverage of one risk a row; positions in the market's lists, -1 for what does not apply."""

    state: Ints
    coverage: Ints
    postal_code: Ints
    """Position among the state's codes."""
    levels: Ints
    """One row a risk, one column a factor: positions in ``LEVELS``."""
    discounts: Ints
    """One column a discount, at most: positions in ``DISCOUNTS``."""
    surcharge: Ints
    day: Ints

    def take(self, index: Ints) -> Risks:
        """Return the risks at these positions."""
        return Risks(
            self.state[index], self.coverage[index], self.postal_code[index], self.levels[index],
            self.discounts[index], self.surcharge[index], self.day[index],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prices:
    """What ``rate_quote`` answers, in cents; factors in thousandths, territory first."""

    rate_table_id: Ints
    base: Ints
    factors: Ints
    rated: Ints
    discount: Ints
    surcharge: Ints
    premium: Ints


class RateBook:
    """Everything filed. Kept in memory: one day and one amount a rate, bounded by the ceiling on revisions."""

    def __init__(self, source: Source, sizes: Sizes) -> None:
        self._source = source
        self.revisions = sizes.rate_revisions
        shares = np.array(POPULATION) / sum(POPULATION)
        spare = sizes.postal_codes - 4 * len(STATES)
        self.postal_codes = np.minimum(4 + (shares * spare).astype(np.int64), _CODES_PER_STATE)
        """How many ZIP codes each state has; at least four."""

    @cached_property
    def starts(self) -> Ints:
        """The first day of each rate: one row a key (state, then coverage), one column a revision."""
        stride = (TODAY - FIRST_DAY) // self.revisions
        ids = np.arange(KEYS * self.revisions, dtype=np.int64)
        jitter = self._source("rate_tables").integers("start", ids, 0, stride).reshape(KEYS, -1)
        jitter[:, 0] = 0
        return np.asarray(FIRST_DAY + np.arange(self.revisions) * stride + jitter, dtype=np.int64)

    @cached_property
    def base_cents(self) -> Ints:
        """The base rate of each key and revision: the coverage's, by state, and with the years a little dearer."""
        keys = np.arange(KEYS, dtype=np.int64)
        draw = self._source("rate_tables")
        relativity = 0.75 + 0.6 * draw.uniform("relativity", keys)
        ids = np.arange(KEYS * self.revisions, dtype=np.int64)
        noise = 0.03 * (draw.uniform("noise", ids).reshape(KEYS, -1) - 0.5)
        trend = 1 + 0.35 * np.arange(self.revisions) / self.revisions + noise
        base = np.array([coverage.base_cents for coverage in COVERAGES])[keys % len(COVERAGES)]
        return np.rint((base * relativity)[:, None] * trend).astype(np.int64)

    @cached_property
    def minimum_cents(self) -> Ints:
        """The minimum premium of each coverage."""
        return np.array([coverage.minimum_cents for coverage in COVERAGES], dtype=np.int64)

    def rate_table_id(self, key: Ints, revision: Ints) -> Ints:
        """Return the id of a rate: rates are stored in the order in which they were filed."""
        return revision * KEYS + key + 1

    def revision_on(self, key: Ints, day: Ints) -> Ints:
        """Return the revision in force on a day, which must not lie before the first."""
        stride = (TODAY - FIRST_DAY) // self.revisions
        guess = np.minimum((day - FIRST_DAY) // stride, self.revisions - 1)
        return guess - (self.starts[key, guess] > day)

    def edition_on(self, day: Ints) -> Ints:
        """Return which filing of territories, factors and rules was in force."""
        return np.searchsorted(np.array(EDITIONS), day, side="right").astype(np.int64) - 1

    def postal_code(self, state: Ints, position: Ints) -> Ints:
        """Return the ZIP code at a position within a state: each state owns a block of made-up codes."""
        return _FIRST_POSTAL_CODE + state * _CODES_PER_STATE + position

    def territory_code(self, position: Ints) -> Ints:
        """Return the rating territory of a ZIP code's position."""
        return position % TERRITORY_CODES + 1

    def territory_factor(self, state: Ints, product: Ints, position: Ints, edition: Ints) -> Ints:
        """Return the factor of a territory in thousandths."""
        place = ((edition * 8 + product) * len(STATES) + state) * TERRITORY_CODES + position % TERRITORY_CODES
        return self._source("territories").integers("factor", place, 780, 1340)

    def level_factor(self, state: Ints, level: Ints, edition: Ints) -> Ints:
        """Return a factor in thousandths: the countrywide one, a little off in each state and filing."""
        place = (edition * len(STATES) + state) * len(LEVELS) + level
        tilt = self._source("rating_factors").integers("tilt", place, -40, 41)
        factor: Ints = np.clip(_COUNTRYWIDE[level] * (1000 + tilt) // 1000, 100, 9_999)
        return factor

    def percent(self, kind: str, state: Ints, rule: Ints, edition: Ints) -> Ints:
        """Return a rule's percentage in hundredths: the usual one, some steps of a quarter off; 0 if it is flat."""
        usual = _DISCOUNT_PERCENT if kind == "discount_rules" else _SURCHARGE_PERCENT
        place = (edition * len(STATES) + state) * len(usual) + rule
        steps = self._source(kind).integers("steps", place, -4, 5)
        return np.where(usual[rule] > 0, np.maximum(usual[rule] + 25 * steps, 25), 0)

    def price(self, risks: Risks) -> Prices:
        """Price each risk by the formula of ``rate_quote``: every part rounded once to the cent, half a cent up."""
        product = _PRODUCT_OF[risks.coverage]
        key = risks.state * len(COVERAGES) + risks.coverage
        revision = self.revision_on(key, risks.day)
        edition = self.edition_on(risks.day)
        base = self.base_cents[key, revision]
        factors = [self.territory_factor(risks.state, product, risks.postal_code, edition)]
        for column in risks.levels.T:
            factor = self.level_factor(risks.state, np.maximum(column, 0), edition)
            factors.append(np.where(column < 0, 1_000, factor))
        amount = base.astype(np.float64)
        for factor in factors:
            amount *= factor / 1_000
        rated = _half_up(amount)

        percents, caps = np.zeros(len(base), np.int64), np.full(len(base), 10_000, np.int64)
        for column in risks.discounts.T:
            rule = np.maximum(column, 0)
            given = column >= 0
            percents += np.where(given, self.percent("discount_rules", risks.state, rule, edition), 0)
            caps = np.where(given, np.minimum(caps, _CAPS[rule]), caps)
        discount = _half_up(rated * np.minimum(percents, caps) / 10_000)

        rule = np.maximum(risks.surcharge, 0)
        percent = self.percent("surcharge_rules", risks.state, rule, edition)
        put_on = _half_up((rated - discount) * percent / 10_000) + _FLAT[rule]
        surcharge = np.where(risks.surcharge < 0, 0, put_on)
        premium = np.maximum(rated - discount + surcharge, self.minimum_cents[risks.coverage])
        return Prices(
            self.rate_table_id(key, revision), base, np.stack(factors, axis=1), rated, discount, surcharge, premium
        )


def _half_up(cents: np.typing.NDArray[np.float64]) -> Ints:
    """Round to whole cents, half a cent up as ``numeric`` does; the hair makes up for halves that binary misses."""
    return np.floor(cents + 0.5 + 1e-7).astype(np.int64)


_COUNTRYWIDE = np.array([level.thousandths for level in LEVELS], dtype=np.int64)
_PRODUCT_OF = np.array([coverage.product for coverage in COVERAGES], dtype=np.int64)
_DISCOUNT_PERCENT = np.array([rule.percent for rule in DISCOUNTS], dtype=np.int64)
_SURCHARGE_PERCENT = np.array([rule.percent for rule in SURCHARGES], dtype=np.int64)
_CAPS = np.array([rule.cap for rule in DISCOUNTS], dtype=np.int64)
_FLAT = np.array([rule.flat_cents for rule in SURCHARGES], dtype=np.int64)
