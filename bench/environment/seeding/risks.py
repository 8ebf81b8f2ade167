"""What is insured: every policy and every quote speaks of a risk, and asks here what it is.

Risks are numbered. The first ``contracts`` of them were sold; the others were only quoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding.market import (
    AUTO,
    COVERAGES,
    DISCOUNTS,
    LEVELS,
    LIFE,
    MAKES,
    MODEL_YEARS,
    MODELS,
    NO_CREDIT,
    PRODUCTS,
    SURCHARGES,
)
from bench.environment.seeding.ratebook import Risks
from bench.environment.seeding.rates import symbol_of

if TYPE_CHECKING:
    from bench.environment.seeding.strings import Ints, Mask
    from bench.environment.seeding.table import World

KINDS = ("vehicle_symbol", "age", "experience", "mileage", "credit_tier", "risk_class", "deductible")
"""The factors of ``rate_quote`` after the territory, in its order."""
_YEAR = 2026
_MODELS = len(MAKES) * len(MODELS)
_DEDUCTIBLE = KINDS.index("deductible")


def _level_positions(product: int, kind: str) -> list[int]:
    return [place for place, level in enumerate(LEVELS) if (level.product, level.kind) == (product, kind)]


_POSITIONS = {(product, kind): _level_positions(product, kind) for product in range(len(PRODUCTS)) for kind in KINDS}
_FIRST_LEVEL = np.array(
    [[(_POSITIONS[product, kind] or [-1])[0] for kind in KINDS] for product in range(len(PRODUCTS))]
)
_LEVEL_COUNT = np.array([[len(_POSITIONS[product, kind]) for kind in KINDS] for product in range(len(PRODUCTS))])
_DISCOUNT_FIRST = np.array(
    [min(i for i, rule in enumerate(DISCOUNTS) if rule.product == product) for product in range(len(PRODUCTS))]
)
_DISCOUNT_COUNT = np.array(
    [sum(rule.product == product and not rule.ended for rule in DISCOUNTS) for product in range(len(PRODUCTS))]
)
_SURCHARGE_FIRST = np.array(
    [min(i for i, rule in enumerate(SURCHARGES) if rule.product == product) for product in range(len(PRODUCTS))]
)
_SURCHARGE_COUNT = np.array([sum(rule.product == product for rule in SURCHARGES) for product in range(len(PRODUCTS))])


@dataclass(frozen=True, slots=True)
class People:
    """The drivers of a risk, or the insured life."""

    age: Ints
    years_licensed: Ints


def vehicles_of(world: World, risk: Ints, product: Ints) -> Ints:
    """Return how many vehicles a risk has; none outside auto."""
    count = 1 + world.draw("risks").choice("vehicles", risk, (62, 28, 8, 2))
    return np.where(product == AUTO, count, 0)


def drivers_of(world: World, risk: Ints, product: Ints) -> Ints:
    """Return how many drivers a risk has; none outside auto."""
    count = 1 + world.draw("risks").choice("drivers", risk, (55, 34, 9, 2))
    return np.where(product == AUTO, count, 0)


def person(world: World, risk: Ints, number: Ints) -> People:
    """Return age and years licensed of the driver with this number, from 1."""
    draw = world.draw("risk_people")
    ids = risk * 16 + number
    adult = 20 + draw.rank("age", ids, 66, 0.25)
    age = np.where((number > 2) | draw.happens("young", ids, 0.04), draw.integers("youth", ids, 16, 26), adult)
    licensed = np.maximum(0, age - 16 - draw.rank("late", ids, 12, 0.9))
    return People(age, licensed)


def vehicle(world: World, risk: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Return model year and model (its position among all makes' models) of the vehicle with this number, from 1."""
    draw = world.draw("risk_vehicles")
    ids = risk * 16 + number
    year = _YEAR - draw.rank("age", ids, len(MODEL_YEARS) - 1, 0.3)
    return year, draw.rank("model", ids, _MODELS, 0.7)


def mileage(world: World, risk: Ints, number: Ints) -> Ints:
    """Return yearly miles of a vehicle, in hundreds."""
    return 100 * (20 + world.draw("risk_vehicles").rank("mileage", risk * 16 + number, 300, 0.2))


def _banded(product: int, kind: str, values: Ints) -> Ints:
    places = _POSITIONS[product, kind]
    lows = np.array([LEVELS[place].low or 0 for place in places])
    return places[0] + np.maximum(np.searchsorted(lows, values, side="right") - 1, 0)


def life_age(world: World, risk: Ints) -> Ints:
    """Return the age of the insured life."""
    return 22 + world.draw("risks").rank("life_age", risk, 50, 0.2)


def deductible_level(world: World, risk: Ints, product: Ints, change: Ints) -> Ints:
    """Return the deductible's level, ``change`` steps from the risk's own, or -1 where there is none."""
    count = _LEVEL_COUNT[product, _DEDUCTIBLE]
    own = world.draw("risks").integers("deductible", risk, 0, np.maximum(count, 1))
    return np.where(count > 0, _FIRST_LEVEL[product, _DEDUCTIBLE] + (own + change) % np.maximum(count, 1), -1)


def rated(world: World, risk: Ints, state: Ints, product: Ints, position: Ints, day: Ints) -> Risks:
    """Return the risks as the rate book prices them, without coverage and deductible, for their first vehicle."""
    draw = world.draw("risks")
    first = np.ones(len(risk), dtype=np.int64)
    year, model = vehicle(world, risk, first)
    driver = person(world, risk, first)
    auto, life = product == AUTO, product == LIFE
    levels = np.full((len(risk), len(KINDS)), -1, dtype=np.int64)
    levels[:, 0] = np.where(auto, _FIRST_LEVEL[AUTO, 0] + symbol_of(year, model) - 1, -1)
    levels[:, 1] = np.where(auto, _banded(AUTO, "age", driver.age), -1)
    levels[:, 1] = np.where(life, _banded(LIFE, "age", life_age(world, risk)), levels[:, 1])
    levels[:, 2] = np.where(auto, _banded(AUTO, "experience", driver.years_licensed), -1)
    levels[:, 3] = np.where(auto, _banded(AUTO, "mileage", mileage(world, risk, first)), -1)
    tier = draw.choice("credit", risk, (22, 28, 26, 15, 9))
    credit = _LEVEL_COUNT[product, 4] > 0
    levels[:, 4] = np.where(credit & ~np.isin(state, NO_CREDIT), _FIRST_LEVEL[product, 4] + tier, -1)
    classes = _LEVEL_COUNT[product, 5]
    levels[:, 5] = np.where(
        classes > 0, _FIRST_LEVEL[product, 5] + draw.rank("class", risk, np.maximum(classes, 1), 0.5), -1
    )
    return Risks(
        state=state,
        coverage=np.zeros(len(risk), dtype=np.int64),
        postal_code=position,
        levels=levels,
        discounts=_discounts(world, risk, product),
        surcharge=np.where(
            draw.happens("surcharged", risk, 0.17),
            _SURCHARGE_FIRST[product] + draw.integers("surcharge", risk, 0, _SURCHARGE_COUNT[product]),
            -1,
        ),
        day=day,
    )


def _discounts(world: World, risk: Ints, product: Ints) -> Ints:
    """Draw up to two different discounts."""
    draw = world.draw("risks")
    count = _DISCOUNT_COUNT[product]
    first = draw.integers("discount.first", risk, 0, count)
    second = (first + 1 + draw.integers("discount.second", risk, 0, np.maximum(count - 1, 1))) % count
    has_first = draw.happens("discount.has", risk, 0.7)
    has_second = has_first & (count > 1) & draw.happens("discount.more", risk, 0.4)
    base = _DISCOUNT_FIRST[product]
    return np.stack((np.where(has_first, base + first, -1), np.where(has_second, base + second, -1)), axis=1)


def has_coverage(world: World, risk: Ints, product: Ints, coverage: int) -> Mask:
    """Tell which risks buy this coverage (its position in ``COVERAGES``); whole life replaces term life."""
    item = COVERAGES[coverage]
    of_product: Mask = product == item.product
    if item.product == LIFE:
        whole = world.draw("risks").happens("whole_life", risk, 0.15)
        bought = whole if item.name == "whole_life" else ~whole
    else:
        bought = world.draw("risks").happens(f"coverage.{coverage}", risk, item.optional)
    return of_product & bought


def limit_factor(world: World, risk: Ints) -> Ints:
    """Return by how much the risk's limits exceed the usual ones."""
    return np.array((1, 2, 5))[world.draw("risks").choice("limits", risk, (60, 30, 10))]


def mileage_level(miles: Ints) -> Ints:
    """Return the level of yearly miles."""
    return _banded(AUTO, "mileage", miles)
