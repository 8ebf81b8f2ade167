"""Revision 002, quotes: most expire, one in eight becomes a policy. Also the calculations behind their prices (003).

Quotes come in groups of eight around the time of a contract's sale; one of the eight, anywhere in the group, is the
quote that was sold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import contracts, lines, risks
from bench.environment.seeding.customers import STAFF_TYPES, home_of, known_customers, staff_of
from bench.environment.seeding.dates import DAY, HOUR, MINUTE, NOW
from bench.environment.seeding.lines import Insured
from bench.environment.seeding.market import AUTO, COVERAGES, HOME, LIFE, PRODUCT_WEIGHTS, PRODUCTS, STATES
from bench.environment.seeding.strings import digits, group, join, number, vocabulary
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.scale import Sizes
    from bench.environment.seeding.strings import Ints, Mask, Strings
    from bench.environment.seeding.table import World

GROUP = 8
STATUSES = ("draft", "priced", "offered", "accepted", "converted", "declined", "expired")
DRAFT, PRICED, OFFERED, ACCEPTED, CONVERTED, DECLINED, EXPIRED = range(7)
_CHANNELS = ("web", "mobile", "agent", "phone", "partner")
_AGENT = _CHANNELS.index("agent")
_VALID_DAYS = 30
_REASONS = ("initial", "coverage_change", "risk_change", "rate_change", "correction")
_DECLINES = ("Too many at-fault accidents.", "Outside the territory we write.", "Property in need of repair.",
             "Licence suspended.")  # fmt: skip
_BODIES = ("sedan", "suv", "pickup", "hatchback", "van", "coupe")
_FEATURES = ('"abs"', '"abs","lane_assist"', '"abs","anti_theft"', '"abs","anti_theft","lane_assist","telematics"', "")


@dataclass(frozen=True, slots=True)
class Quotes:
    """What all tables about quotes need to know of them."""

    id: Ints
    insured: Insured
    """Priced on the requested first day of cover."""
    contract: Ints
    """The contract it became; meaningless unless it is converted."""
    customer: Ints
    named: Mask
    """Whether the asker has said who they are."""
    channel: Ints
    status: Ints
    versions: Ints
    created: Ints

    @property
    def converted(self) -> Mask:
        """Which quotes were sold."""
        sold: Mask = self.status == CONVERTED
        return sold


def groups(sizes: Sizes) -> int:
    """Return how many groups of quotes there are: one for each of the latest contracts."""
    return min(sizes.quotes // GROUP, sizes.contracts)


def quotes(world: World, ids: Ints) -> Quotes:
    """Look quotes up."""
    draw = world.draw("quotes")
    group_, place = np.divmod(ids - 1, GROUP)
    contract = world.sizes.contracts - groups(world.sizes) + 1 + group_
    sold = contracts.contracts(world, contract)
    became = (place == draw.integers("sold", group_, 0, GROUP)) & ~sold.draft
    asked = np.minimum(sold.signed + draw.integers("asked", ids, -2 * DAY, DAY), NOW - 2 * HOUR)
    created = np.where(became, sold.signed - draw.integers("thought", ids, 5 * MINUTE, 36 * HOUR), asked)
    known = known_customers(world, created)
    customer = np.where(became, sold.customer, 1 + draw.rank("customer", ids, known, 0.4))
    home = home_of(world, customer)
    product = np.where(became, sold.product, draw.choice("product", ids, PRODUCT_WEIGHTS))
    wanted = created // DAY + draw.integers("wanted", ids, 1, 40)
    insured = Insured(
        risk=np.where(became, sold.id, world.sizes.contracts + ids),
        state=home.state,
        product=product,
        position=home.position,
        day=np.where(became, sold.effective, wanted),
        change=np.zeros(len(ids), dtype=np.int64),
    )
    over = created < NOW - _VALID_DAYS * DAY
    old = np.where(draw.happens("declined", ids, 0.09), DECLINED, EXPIRED)
    young = draw.choice("status", ids, (18, 24, 40, 3, 0, 9, 0))
    status = np.where(became, CONVERTED, np.where(over, old, young))
    # Who never finished, or was turned away at once, never saw a price.
    unpriced = (status == DRAFT) | (np.isin(status, (DECLINED, EXPIRED)) & draw.happens("unpriced", ids, 0.2))
    versions = np.where(unpriced, 0, 1 + draw.choice("versions", ids, (62, 27, 11)))
    named = became | draw.happens("named", ids, 0.6)
    return Quotes(ids, insured, contract, customer, named, draw.choice("channel", ids, (46, 22, 20, 7, 5)), status,
                  versions, created)  # fmt: skip


def version_change(made: Quotes, owner: Ints, version: Ints) -> Insured:
    """Return the risks as a version priced them: the newest has the deductible that was wanted in the end."""
    risk = made.insured.take(owner)
    return Insured(risk.risk, risk.state, risk.product, risk.position, risk.day, made.versions[owner] - version)


def versions_of(made: Quotes) -> tuple[Ints, Ints]:
    """List the versions of each quote: positions among the quotes, and version numbers from 1."""
    owner = np.repeat(np.arange(len(made.id)), made.versions)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(made.versions) - made.versions, made.versions) + 1


def _agent(world: World, made: Quotes) -> Ints:
    agents = staff_of(STAFF_TYPES[0], world.sizes.staff)
    return agents[world.draw("quotes").rank("agent", made.id, len(agents), 0.8)]


def _quotes(world: World, ids: Ints) -> Columns:
    made = quotes(world, ids)
    draw = world.draw("quotes")
    insured = made.insured
    newest = lines.price_lines(world, insured)
    premium = newest.total(newest.prices.premium, len(ids)) + contracts.fee_cents(insured.state)
    last = np.where(made.converted, contracts.signed_at(world, made.contract), made.created + 2 * HOUR)
    last = np.where(made.status == EXPIRED, made.created + _VALID_DAYS * DAY, last)
    return {
        "id": c.bigint(ids),
        "quote_number": c.text(join(len(ids), [b"Q", digits(ids, 10)])),
        "customer_id": c.bigint(made.customer, null=~made.named),
        "created_by_user_id": c.bigint(_agent(world, made), null=made.channel != _AGENT),
        "product": c.word(PRODUCTS, insured.product),
        "state": c.word(STATES, insured.state),
        "postal_code": c.text(digits(world.book.postal_code(insured.state, insured.position), 5)),
        "channel": c.word(_CHANNELS, made.channel),
        "status": c.word(STATUSES, made.status),
        "requested_effective_date": c.date(insured.day),
        "vehicle_info": c.jsonb(_vehicle_info(world, insured), null=insured.product != AUTO),
        "risk_info": c.jsonb(_risk_info(world, insured)),
        "premium": c.numeric(premium, null=made.versions == 0),
        "decline_reason": c.word(_DECLINES, draw.integers("why", ids, 0, len(_DECLINES)), null=made.status != DECLINED),
        "expires_at": c.timestamptz(made.created + _VALID_DAYS * DAY),
        "created_at": c.timestamptz(made.created),
        "updated_at": c.timestamptz(np.minimum(last, NOW)),
    }


def _vehicle_info(world: World, insured: Insured) -> Strings:
    """Describe the vehicles in the applicant's own words."""
    draw = world.draw("risk_vehicles")
    owner, number_ = lines.vehicles(world, insured)
    risk = insured.risk[owner]
    ids = risk * 16 + number_
    objects = join(
        len(owner),
        [
            *lines.vehicle_text(world, risk, number_),
            b',"body":"', vocabulary(_BODIES).take(draw.rank("body", ids, len(_BODIES), 0.5)),
            b'","features":[', vocabulary(_FEATURES).take(draw.integers("features", ids, 0, len(_FEATURES))), b"]}",
        ],
    )  # fmt: skip
    listed = group(objects, owner, len(insured.risk), b",")
    return join(len(insured.risk), [b'{"vehicles":[', listed, b"]}"])


def _risk_info(world: World, insured: Insured) -> Strings:
    draw = world.draw("risks")
    built = number(1950 + draw.integers("built", insured.risk, 0, 76))
    area = number(600 + 10 * draw.rank("area", insured.risk, 400, 0.3))
    dwelling = join(len(built.starts), [b'"year_built":', built, b',"square_feet":', area]).only(
        insured.product == HOME
    )
    age = number(risks.life_age(world, insured.risk))
    life = join(len(built.starts), [b'"age":', age]).only(insured.product == LIFE)
    return join(len(built.starts), [b"{", dwelling, life, b"}"])


def _versions(world: World, ids: Ints) -> Columns:
    made = quotes(world, ids)
    owner, version = versions_of(made)
    insured = version_change(made, owner, version)
    priced = lines.price_lines(world, insured)
    count = len(owner)
    prices = priced.prices
    fee = contracts.fee_cents(insured.state)
    key = made.id[owner] * 4 + version
    reason = 1 + world.draw("quote_versions").choice("reason", key, (55, 30, 5, 10))
    coverages = np.bincount(priced.owner, minlength=count).astype(np.int64)
    return {
        "quote_id": c.bigint(made.id[owner]),
        "version_number": c.integer(version),
        "reason": c.word(_REASONS, np.where(version == 1, 0, reason)),
        "rated_on": c.date(insured.day),
        "rating_inputs": c.jsonb(join(count, [b'{"coverages":', number(coverages), b"}"])),
        "rated_premium": c.numeric(priced.total(prices.rated, count)),
        "discount_total": c.numeric(priced.total(prices.discount, count)),
        "surcharge_total": c.numeric(priced.total(prices.surcharge, count)),
        "fees": c.numeric(fee),
        "premium": c.numeric(priced.total(prices.premium, count) + fee),
        "created_by_user_id": c.bigint(_agent(world, made)[owner], null=(made.channel != _AGENT)[owner]),
        "created_at": c.timestamptz(priced_at(made, owner, version)),
    }


def priced_at(made: Quotes, owner: Ints, version: Ints) -> Ints:
    """Return when a version was priced: within five minutes of the question for as many versions as there are."""
    return made.created[owner] + version * MINUTE


def _coverages(world: World, ids: Ints) -> Columns:
    made = quotes(world, ids)
    owner, version = versions_of(made)
    insured = version_change(made, owner, version)
    priced = lines.price_lines(world, insured)
    at = priced.owner
    quote = made.id[owner][at]
    factor = risks.limit_factor(world, insured.risk)[at]
    # A quote has at most 3 versions of at most 14 coverages: the place within the quote makes the id.
    first = np.concatenate(([True], quote[1:] != quote[:-1])) if len(quote) else np.empty(0, np.bool_)
    starts = np.flatnonzero(first)
    place = np.arange(len(quote)) - np.repeat(starts, np.diff(np.append(starts, len(quote))))
    return {
        "id": c.bigint((quote - 1) * 64 + place + 1),
        "quote_id": c.bigint(quote),
        "version_number": c.integer(version[at]),
        "vehicle_number": c.smallint(priced.vehicle, null=priced.vehicle == 0),
        "coverage": c.word([item.name for item in COVERAGES], priced.coverage),
        "limit_per_person": c.numeric(priced.limit_person * factor, null=priced.limit_person == 0),
        "limit_per_occurrence": c.numeric(priced.limit * factor, null=priced.limit == 0),
        "deductible": c.numeric(100 * np.maximum(priced.deductible, 0), null=priced.deductible < 0),
        "premium": c.numeric(priced.prices.premium),
    }


def _conversions(world: World, ids: Ints) -> Columns:
    """One unit is a group of quotes: at most one of them was sold."""
    made = quotes(world, np.concatenate([(ids - 1) * GROUP + place for place in range(1, GROUP + 1)]))
    at = np.flatnonzero(made.converted)
    at = at[np.argsort(made.id[at])]
    quote, contract = made.id[at], made.contract[at]
    insured = made.insured.take(at)
    priced = lines.price_lines(world, insured)
    premium = priced.total(priced.prices.premium, len(at)) + contracts.fee_cents(insured.state)
    return {
        "id": c.bigint((quote - 1) // GROUP + 1),
        "quote_id": c.bigint(quote),
        "version_number": c.integer(made.versions[at]),
        "policy_id": c.bigint(contracts.policy_id(contract, np.zeros(len(at), np.int64))),
        "premium": c.numeric(premium),
        "converted_by_user_id": c.bigint(_agent(world, made)[at], null=made.channel[at] != _AGENT),
        "converted_at": c.timestamptz(contracts.signed_at(world, contract)),
    }


def _count(sizes: Sizes) -> int:
    return groups(sizes) * GROUP


QUOTES = Table("quotes", _count, _quotes, chunk=4_096)
VERSIONS = Table("quote_versions", _count, _versions, chunk=4_096)
COVERAGE_LINES = Table("quote_coverages", _count, _coverages, chunk=4_096)
CONVERSIONS = Table("quote_conversions", groups, _conversions, chunk=1_024)
