"""Contracts: what was sold to whom, and the terms they ran. Policies, claims and quotes look them up here.

A contract is one risk insured for up to four terms; each term is a policy. The policy id is computed from contract
and term, so ids have gaps where a contract ended early, as sequences have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import lines
from bench.environment.seeding.customers import home_of, known_customers
from bench.environment.seeding.dates import DAY, HOUR, NOW, TODAY, add_months, day_of_month, spread
from bench.environment.seeding.market import LIFE, PRODUCT_WEIGHTS

if TYPE_CHECKING:
    from bench.environment.seeding.strings import Ints, Mask
    from bench.environment.seeding.table import World

FIRST_CONTRACT = (TODAY - 5 * 365) * DAY
_LAST_CONTRACT = NOW - 2 * HOUR
MOST_TERMS = 4
_RENEWS = 0.88
STATUSES = ("draft", "bound", "active", "lapsed", "cancelled", "expired")
DRAFT, BOUND, ACTIVE, LAPSED, CANCELLED, EXPIRED = range(6)
_MONTHS = np.array([(6, 12, 12), (12, 12, 12), (12, 12, 12), (120, 240, 360), (12, 12, 12)])


@dataclass(frozen=True, slots=True)
class Contracts:
    """What is true of a contract in every term."""

    id: Ints
    customer: Ints
    state: Ints
    position: Ints
    product: Ints
    signed: Ints
    """Instant of the first sale."""
    effective: Ints
    """First day of the first term."""
    term_months: Ints
    terms: Ints
    """How many terms there are; 1 to 4."""
    draft: Mask

    def take(self, index: Ints) -> Contracts:
        """Return the contracts at these positions."""
        return Contracts(*(getattr(self, name)[index] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Terms:
    """One term of each of some contracts."""

    policy: Ints
    effective: Ints
    expiration: Ints
    status: Ints
    cancelled: Ints
    """Instant of cancellation; meaningless unless the status says so."""
    exists: Mask


def signed_at(world: World, contract: Ints) -> Ints:
    """Return the instant of the first sale: contracts are numbered in this order."""
    return spread(contract, world.sizes.contracts, FIRST_CONTRACT, _LAST_CONTRACT)


def known_contracts(world: World, moment: Ints) -> Ints:
    """Return how many contracts had been signed by an instant; at least one."""
    share = (moment - FIRST_CONTRACT) / (_LAST_CONTRACT - FIRST_CONTRACT)
    return np.clip((share * world.sizes.contracts).astype(np.int64), 1, world.sizes.contracts)


def contracts(world: World, ids: Ints) -> Contracts:
    """Look contracts up."""
    draw = world.draw("contracts")
    signed = signed_at(world, ids)
    known = known_customers(world, signed)
    # Half come from customers who just arrived; the others from old ones, of whom a few buy again and again.
    fresh = np.maximum(known - draw.rank("fresh", ids, np.maximum(known // 20, 1), 0), 1)
    customer = np.where(draw.happens("is_fresh", ids, 0.5), fresh, 1 + draw.rank("customer", ids, known, 0.5))
    home = home_of(world, customer)
    product = draw.choice("product", ids, PRODUCT_WEIGHTS)
    term_months = _MONTHS[product, draw.choice("term", ids, (60, 25, 15))]
    start = signed // DAY + draw.integers("lead", ids, 4, 25)
    effective = start - np.maximum(day_of_month(start) - 28, 0)
    draft = (effective > TODAY) & draw.happens("draft", ids, 0.3)
    terms, renewing = np.ones(len(ids), dtype=np.int64), ~draft & (product != LIFE)
    for term in range(1, MOST_TERMS):
        offered = add_months(effective, term * term_months) - 30 < TODAY
        renewing &= offered & draw.happens(f"renews.{term}", ids, _RENEWS)
        terms += renewing
    return Contracts(ids, customer, home.state, home.position, product, signed, effective, term_months, terms, draft)


def terms(world: World, sold: Contracts, number: Ints) -> Terms:
    """Look up the term with this number, from 0, of each contract."""
    draw = world.draw("terms")
    policy = policy_id(sold.id, number)
    effective = add_months(sold.effective, number * sold.term_months)
    expiration = add_months(effective, sold.term_months)
    last = number == sold.terms - 1
    over = expiration <= TODAY
    ends_early = last & (effective < TODAY - 20) & draw.happens("cancelled", policy, 0.14)
    status = np.where(over, EXPIRED, ACTIVE)
    status = np.where(~over & last & draw.happens("lapsed", policy, 0.03), LAPSED, status)
    status = np.where(ends_early, CANCELLED, status)
    status = np.where(effective > TODAY, np.where(sold.draft & (number == 0), DRAFT, BOUND), status)
    until = np.minimum(expiration, TODAY) - 1
    cancelled = draw.integers("cancelled_on", policy, effective + 5, np.maximum(until, effective + 6)) * DAY + 12 * HOUR
    return Terms(policy, effective, expiration, status, cancelled, number < sold.terms)


def policy_id(contract: Ints, number: Ints) -> Ints:
    """Return the id of a term's policy."""
    return (contract - 1) * MOST_TERMS + number + 1


def insured(sold: Contracts, day: Ints) -> lines.Insured:
    """Return the contracts' risks, to be priced on these days."""
    return lines.Insured(sold.id, sold.state, sold.product, sold.position, day, np.zeros(len(day), dtype=np.int64))


def fee_cents(state: Ints) -> Ints:
    """Return policy fee and premium tax of a state."""
    return 500 + 125 * (state % 9)
