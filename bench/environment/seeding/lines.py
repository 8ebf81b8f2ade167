"""The coverages of risks, one line each, priced: what a declarations page lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import risks
from bench.environment.seeding.market import COVERAGES, LEVELS, MAKES, MODELS
from bench.environment.seeding.rates import symbol_of
from bench.environment.seeding.strings import group, join, number, vocabulary

if TYPE_CHECKING:
    from bench.environment.seeding.ratebook import Prices, Risks
    from bench.environment.seeding.strings import Ints, Mask, Strings
    from bench.environment.seeding.table import World

_LIMIT = np.array([item.limit_cents for item in COVERAGES])
_LIMIT_PERSON = np.array([item.limit_person_cents for item in COVERAGES])
_HAS_DEDUCTIBLE = np.array([item.deductible for item in COVERAGES])
_NAMES = vocabulary(item.name for item in COVERAGES)
_SYMBOL, _MILEAGE, _DEDUCTIBLE = (risks.KINDS.index(kind) for kind in ("vehicle_symbol", "mileage", "deductible"))
_SYMBOL_FIRST = next(place for place, level in enumerate(LEVELS) if level.kind == "vehicle_symbol")
_LOW = np.array([level.low or 0 for level in LEVELS])
_MODEL_WORDS = vocabulary(f'"make":"{make}","model":"{model}"' for make in MAKES for model in MODELS)
MOST_VEHICLES = 4


@dataclass(frozen=True, slots=True)
class Insured:
    """The risks behind a chunk of policies or quotes, one a row; the day decides the rates."""

    risk: Ints
    state: Ints
    product: Ints
    position: Ints
    """Of the ZIP code within the state."""
    day: Ints
    change: Ints
    """Steps of the deductible away from the risk's own."""

    def take(self, index: Ints) -> Insured:
        """Return the rows at these positions."""
        return Insured(
            self.risk[index], self.state[index], self.product[index], self.position[index], self.day[index],
            self.change[index],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lines:
    """One coverage a row, in the order of their owners."""

    owner: Ints
    """Position among the insured."""
    coverage: Ints
    vehicle: Ints
    """Number of the vehicle; 0 for coverages of the whole risk."""
    rated: Risks
    prices: Prices

    @property
    def limit(self) -> Ints:
        """Limit of an occurrence at its usual level, in cents; 0 where only the deductible bounds."""
        return _LIMIT[self.coverage]

    @property
    def limit_person(self) -> Ints:
        """Limit of one person at its usual level, in cents; 0 where there is none."""
        return _LIMIT_PERSON[self.coverage]

    @property
    def deductible(self) -> Ints:
        """Deductible in dollars; -1 where there is none."""
        level = self.rated.levels[:, _DEDUCTIBLE]
        return np.where(level < 0, -1, dollars(level))

    def total(self, cents: Ints, count: int) -> Ints:
        """Add up an amount by owner."""
        return np.bincount(self.owner, weights=cents, minlength=count).astype(np.int64)


def dollars(deductible_level: Ints) -> Ints:
    """Return the deductible of a level; 0 for none."""
    return np.where(deductible_level < 0, 0, _LOW[np.maximum(deductible_level, 0)])


def price_lines(world: World, insured: Insured) -> Lines:
    """List and price the coverages of each risk."""
    owners, coverages, vehicles = [], [], []
    count = risks.vehicles_of(world, insured.risk, insured.product)
    for place, item in enumerate(COVERAGES):
        buys = risks.has_coverage(world, insured.risk, insured.product, place)
        for slot in range(1, MOST_VEHICLES + 1) if item.per_vehicle else (0,):
            buyers = np.flatnonzero(buys & (count >= slot))
            owners.append(buyers)
            coverages.append(np.full(len(buyers), place, dtype=np.int64))
            vehicles.append(np.full(len(buyers), slot, dtype=np.int64))
    owner, coverage, vehicle = (np.concatenate(parts).astype(np.int64) for parts in (owners, coverages, vehicles))
    order = np.argsort(owner, kind="stable")
    owner, coverage, vehicle = owner[order], coverage[order], vehicle[order]
    base = risks.rated(world, insured.risk, insured.state, insured.product, insured.position, insured.day)
    own_deductible = risks.deductible_level(world, insured.risk, insured.product, insured.change)
    rated = base.take(owner)
    rated.coverage[:] = coverage
    rated.levels[:, _DEDUCTIBLE] = np.where(_HAS_DEDUCTIBLE[coverage], own_deductible[owner], -1)
    _rate_own_vehicle(world, rated.levels, insured.risk[owner], vehicle)
    return Lines(owner, coverage, vehicle, rated, world.book.price(rated))


def _rate_own_vehicle(world: World, levels: Ints, risk: Ints, vehicle: Ints) -> None:
    """Rate a vehicle's coverages by that vehicle instead of the first."""
    at = np.flatnonzero(vehicle > 1)
    year, model = risks.vehicle(world, risk[at], vehicle[at])
    levels[at, _SYMBOL] = _SYMBOL_FIRST + symbol_of(year, model) - 1
    levels[at, _MILEAGE] = risks.mileage_level(risks.mileage(world, risk[at], vehicle[at]))


def vehicles(world: World, insured: Insured) -> tuple[Ints, Ints]:
    """List the vehicles of each risk: positions among the insured, and the vehicles' numbers from 1."""
    count = risks.vehicles_of(world, insured.risk, insured.product)
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + 1


def vehicle_text(world: World, risk: Ints, number_: Ints) -> list[Strings | bytes]:
    """Begin a vehicle's JSON object: year, make and model."""
    year, model = risks.vehicle(world, risk, number_)
    return [b'{"year":', number(year), b",", _MODEL_WORDS.take(model)]


def coverage_document(world: World, insured: Insured, lines: Lines) -> Strings:
    """Write the JSON of ``policies.coverage``: limits and deductibles by coverage, and the vehicles."""
    count = len(insured.risk)
    once = lines.vehicle <= 1  # what holds for the first vehicle holds for all
    limits = _members(lines, once & (lines.limit > 0), _limit_text(world, insured, lines), count)
    deductibles = _members(lines, once & (lines.deductible >= 0), number(np.maximum(lines.deductible, 0)), count)
    owner, number_ = vehicles(world, insured)
    objects = join(len(owner), [*vehicle_text(world, insured.risk[owner], number_), b"}"])
    listed = group(objects, owner, count, b",")
    return join(
        count,
        [b'{"limits":{', limits, b'},"deductibles":{', deductibles, b'},"vehicles":[', listed, b"]}"],
    )


def _limit_text(world: World, insured: Insured, lines: Lines) -> Strings:
    factor = risks.limit_factor(world, insured.risk)[lines.owner]
    split = lines.limit_person > 0
    wrap = vocabulary(["", "[", "]", ","])
    kind = split.astype(np.int64)
    return join(
        len(split),
        [
            wrap.take(kind), number(lines.limit_person * factor // 100).only(split), wrap.take(kind * 3),
            number(lines.limit * factor // 100), wrap.take(kind * 2),
        ],
    )  # fmt: skip


def _members(lines: Lines, chosen: Mask, value: Strings, count: int) -> Strings:
    """Write ``"coverage":value`` for the chosen lines of each owner."""
    at = np.flatnonzero(chosen)
    pairs = join(len(at), [b'"', _NAMES.take(lines.coverage[at]), b'":', value.take(at)])
    return group(pairs, lines.owner[at], count, b",")
