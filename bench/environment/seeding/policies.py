"""Revision 001, what was sold and what was lost: policies and claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import contracts, lines, risks
from bench.environment.seeding.contracts import CANCELLED, DRAFT, STATUSES
from bench.environment.seeding.customers import staff_of
from bench.environment.seeding.dates import DAY, HOUR, MINUTE, NOW, TODAY, iso_date, spread
from bench.environment.seeding.market import AUTO, HOME, LIFE, POLICY_PREFIXES, PRODUCTS, RENTERS, STATES, UMBRELLA
from bench.environment.seeding.strings import digits, join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.contracts import Contracts, Terms
    from bench.environment.seeding.strings import Ints, Mask, Strings
    from bench.environment.seeding.table import World

_BILLING = ("full", "semiannual", "quarterly", "monthly")
_TIERS = ("preferred", "standard", "nonstandard")
_CANCELLATIONS = ("insured_request", "nonpayment", "underwriting", "rewritten")
_PREFIX = vocabulary(POLICY_PREFIXES)

FIRST_CLAIM = (TODAY - 4 * 365) * DAY
_CANDIDATES = 8
"""Contracts tried for a claim until one covers the day; a claim that finds none is left out."""
_LOSSES: dict[int, dict[str, float]] = {
    AUTO: {"collision": 34, "comprehensive": 20, "property_damage": 18, "bodily_injury": 9, "theft": 8, "medical": 6,
           "uninsured_motorist": 5},
    HOME: {"wind_hail": 38, "water": 29, "theft": 14, "fire": 10, "personal_liability": 9},
    RENTERS: {"theft": 45, "water": 30, "fire": 15, "personal_liability": 10},
    LIFE: {"death": 1},
    UMBRELLA: {"personal_liability": 1},
}  # fmt: skip
LOSS_TYPES = tuple(dict.fromkeys(name for losses in _LOSSES.values() for name in losses))
_LEAST = dict.fromkeys(LOSS_TYPES, 600.0) | {
    "fire": 4_000.0,
    "death": 50_000.0,
    "bodily_injury": 2_500.0,
    "water": 1_800.0,
}
_REPORTERS = ("insured", "agent", "third_party", "police", "attorney")
CLAIM_STATUSES = ("reported", "under_review", "approved", "denied", "paid", "closed", "reopened")
_REPORTED, _REVIEW, _APPROVED, _DENIED, _PAID, _CLOSED, _REOPENED = range(7)
_DENIALS = (
    "Exclusion: wear, tear and gradual deterioration.",
    "Exclusion: use of the vehicle for hire.",
    "The loss is below the deductible.",
    "Notice was given later than the policy allows.",
)
_TEXTS = ("first seen by the insured", "noticed on the way to work", "during a storm", "while parked", "at night")


def _policies(world: World, ids: Ints) -> Columns:
    """One unit is a contract, with one row a term."""
    sold = contracts.contracts(world, ids)
    owner = np.repeat(np.arange(len(ids)), sold.terms)
    index = np.arange(len(owner)) - np.repeat(np.cumsum(sold.terms) - sold.terms, sold.terms)
    sold = sold.take(owner)
    term = contracts.terms(world, sold, index)
    insured = contracts.insured(sold, term.effective)
    priced = lines.price_lines(world, insured)
    premium = priced.total(priced.prices.premium, len(owner)) + contracts.fee_cents(sold.state)
    draw, policy = world.draw("policies"), term.policy
    renewal, draft, cancelled = index > 0, term.status == DRAFT, term.status == CANCELLED
    created = np.where(renewal, (term.effective - 30) * DAY + 9 * HOUR, sold.signed)
    bound = np.where(renewal, np.minimum((term.effective - 15) * DAY, NOW - HOUR), sold.signed + 10 * MINUTE)
    bound = np.maximum(bound, created)
    updated = np.where(cancelled, term.cancelled, np.minimum(np.maximum(term.effective * DAY, bound), NOW))
    return {
        "id": c.bigint(policy),
        "policy_number": c.text(policy_number(sold, policy)),
        "customer_id": c.bigint(sold.customer),
        "product": c.word(PRODUCTS, sold.product),
        "state": c.word(STATES, sold.state),
        "status": c.word(STATUSES, term.status),
        "effective_date": c.date(term.effective),
        "expiration_date": c.date(term.expiration),
        "term_months": c.smallint(sold.term_months),
        "premium": c.numeric(premium),
        "billing_plan": c.word(_BILLING, draw.choice("billing", sold.id, (18, 10, 12, 60))),
        "underwriting_tier": c.word(_TIERS, draw.choice("tier", sold.id, (30, 55, 15))),
        "coverage": c.jsonb(lines.coverage_document(world, insured, priced)),
        "renewal_of_policy_id": c.bigint(policy - 1, null=~renewal),
        "producer_code": c.text(
            join(len(owner), [b"P", digits(draw.rank("producer", sold.id, 4_000, 0.9) + 1, 5)]),
            null=draw.happens("direct", sold.id, 0.35),
        ),
        "bound_at": c.timestamptz(bound, null=draft),
        "cancelled_at": c.timestamptz(term.cancelled, null=~cancelled),
        "cancellation_reason": c.word(_CANCELLATIONS, draw.choice("why", policy, (45, 38, 9, 8)), null=~cancelled),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(updated),
    }


def policy_number(sold: Contracts, policy: Ints) -> Strings:
    """Return the number on the declarations page: the line of business and the id."""
    return join(len(policy), [_PREFIX.take(sold.product), digits(policy, 10)])


@dataclass(frozen=True, slots=True)
class Claims:
    """What other tables need to know of claims."""

    sold: Contracts
    term: Terms
    loss_day: Ints
    reported: Ints
    covered: Mask
    """Whether a policy was found that covers the loss; otherwise there is no such claim."""


def known_claims(world: World, moment: Ints) -> Ints:
    """Return how many claims had been reported by an instant; at least one."""
    share = (moment - FIRST_CLAIM) / (NOW - HOUR - FIRST_CLAIM)
    return np.clip((share * world.sizes.claims).astype(np.int64), 1, world.sizes.claims)


def claims(world: World, ids: Ints) -> Claims:
    """Look claims up; they are numbered in the order of their reports."""
    draw = world.draw("claims")
    reported = spread(ids, world.sizes.claims, FIRST_CLAIM, NOW - HOUR)
    loss_day = reported // DAY - draw.rank("delay", ids, 60, 0.9)
    known = contracts.known_contracts(world, loss_day * DAY)
    chosen, number_ = np.ones(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=np.int64)
    covered = np.zeros(len(ids), dtype=np.bool_)
    for candidate in range(_CANDIDATES):
        contract = 1 + draw.integers(f"contract.{candidate}", ids, 0, known)
        sold = contracts.contracts(world, contract)
        index = np.clip((loss_day - sold.effective) // 30 // sold.term_months, 0, sold.terms - 1)
        # Months are not 30 days: the guess may be one term late.
        index -= (index > 0) & (contracts.terms(world, sold, index).effective > loss_day)
        fits = ~covered & _covers(sold, contracts.terms(world, sold, index), loss_day)
        chosen, number_ = np.where(fits, contract, chosen), np.where(fits, index, number_)
        covered |= fits
    sold = contracts.contracts(world, chosen)
    return Claims(sold, contracts.terms(world, sold, number_), loss_day, reported, covered)


def _covers(sold: Contracts, term: Terms, day: Ints) -> Mask:
    inside: Mask = (day >= term.effective) & (day < term.expiration) & term.exists & ~sold.draft
    before_end: Mask = (term.status != CANCELLED) | (day <= term.cancelled // DAY)
    return inside & before_end


def _claim_status(world: World, ids: Ints, age: Ints) -> Ints:
    """Draw the status by age: nearly all old claims are closed."""
    draw = world.draw("claims")
    fresh = draw.choice("status.fresh", ids, (45, 40, 10, 2, 3, 0, 0))
    recent = draw.choice("status.recent", ids, (3, 22, 10, 5, 15, 43, 2))
    old = draw.choice("status.old", ids, (0, 0.8, 0.2, 1, 1, 96, 1))
    return np.where(age < 14, fresh, np.where(age < 120, recent, old))


def _amounts(world: World, ids: Ints, loss: Ints) -> Ints:
    """Draw what is claimed, in cents: most losses are small, and few make most of the money."""
    least = np.array([_LEAST[name] for name in LOSS_TYPES])[loss]
    return (100 * least * world.draw("claims").pareto("amount", ids, 1, 1.35, 400)).astype(np.int64)


def _loss_type(world: World, ids: Ints, product: Ints) -> Ints:
    loss = np.zeros(len(ids), dtype=np.int64)
    for line, weights in _LOSSES.items():
        places = np.array([LOSS_TYPES.index(name) for name in weights])
        drawn = places[world.draw("claims").choice(f"loss.{line}", ids, tuple(weights.values()))]
        loss = np.where(product == line, drawn, loss)
    return loss


def _claims(world: World, ids: Ints) -> Columns:
    made = claims(world, ids)
    at = np.flatnonzero(made.covered)
    ids, sold, loss_day, reported = ids[at], made.sold.take(at), made.loss_day[at], made.reported[at]
    draw = world.draw("claims")
    loss = _loss_type(world, ids, sold.product)
    status = _claim_status(world, ids, TODAY - reported // DAY)
    claimed = _amounts(world, ids, loss)
    no_estimate = (status == _REPORTED) & draw.happens("no_estimate", ids, 0.6)
    # How a closed claim ended: paid, denied, or withdrawn.
    end = draw.choice("end", ids, (76, 11, 13))
    closed = status == _CLOSED
    paid = (status == _PAID) | (closed & (end == 0))
    decided = paid | (status == _APPROVED) | ((status == _REOPENED) & draw.happens("was_paid", ids, 0.7))
    denied = (status == _DENIED) | (closed & (end == 1)) | ((status == _REOPENED) & ~decided)
    level = risks.deductible_level(world, sold.id, sold.product, np.zeros(len(ids), np.int64))
    deductible = 100 * lines.dollars(level)
    approved = np.maximum(claimed - deductible, 5_000)
    paid_amount = np.where(paid | ((status == _REOPENED) & decided), approved, 0)
    closed_at = np.minimum(reported + draw.integers("closing", ids, 3, 90) * DAY, NOW)
    updated = np.where(closed, closed_at, np.minimum(reported + draw.integers("touched", ids, 0, 10) * DAY, NOW))
    adjusters = staff_of("adjuster", world.sizes.staff)
    return {
        "id": c.bigint(ids),
        "claim_number": c.text(join(len(ids), [b"CL", digits(ids, 10)])),
        "policy_id": c.bigint(made.term.policy[at]),
        "status": c.word(CLAIM_STATUSES, status),
        "loss_type": c.word(LOSS_TYPES, loss),
        "loss_date": c.date(loss_day),
        "loss_state": c.word(STATES, sold.state),
        "loss_postal_code": c.text(
            digits(world.book.postal_code(sold.state, sold.position), 5), null=draw.happens("no_zip", ids, 0.1)
        ),
        "reported_at": c.timestamptz(reported),
        "reported_by": c.word(_REPORTERS, draw.choice("by", ids, (70, 14, 9, 4, 3))),
        "description": c.text(_description(world, ids, loss, loss_day)),
        "details": c.jsonb(_details(world, ids)),
        "deductible": c.numeric(deductible),
        "claimed_amount": c.numeric(claimed, null=no_estimate),
        "reserve_amount": c.numeric(np.where(closed | (status == _PAID), 0, claimed // 10 * 9)),
        "approved_amount": c.numeric(approved, null=~decided),
        "paid_amount": c.numeric(paid_amount),
        "denial_reason": c.word(_DENIALS, draw.integers("denial", ids, 0, len(_DENIALS)), null=~denied),
        "closed_at": c.timestamptz(closed_at, null=~closed),
        "created_at": c.timestamptz(reported),
        "updated_at": c.timestamptz(updated),
        "adjuster_user_id": c.bigint(
            adjusters[draw.rank("adjuster", ids, len(adjusters), 0.5)], null=status == _REPORTED
        ),
    }


def _description(world: World, ids: Ints, loss: Ints, loss_day: Ints) -> Strings:
    kinds = vocabulary(name.replace("_", " ").capitalize() for name in LOSS_TYPES)
    how = vocabulary(_TEXTS).take(world.draw("claims").integers("how", ids, 0, len(_TEXTS)))
    return join(len(ids), [kinds.take(loss), b" on ", iso_date(loss_day), b", ", how, b"."])


def _details(world: World, ids: Ints) -> Strings:
    draw = world.draw("claims")
    photos = number(draw.integers("photos", ids, 0, 12))
    report = join(len(ids), [b',"police_report":"PR-', digits(draw.integers("report", ids, 0, 10**8), 8), b'"'])
    return join(len(ids), [b'{"photos":', photos, report.only(draw.happens("police", ids, 0.3)), b"}"])


POLICIES = Table("policies", lambda sizes: sizes.contracts, _policies, chunk=4_096)
CLAIMS = Table("claims", lambda sizes: sizes.claims, _claims)
TABLES = (POLICIES, CLAIMS)
