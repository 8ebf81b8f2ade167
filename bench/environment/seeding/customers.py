"""Revisions 001 and 002, who: customers, and the users that sign in (staff first, then customers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding import people
from bench.environment.seeding.dates import DAY, HOUR, NOW, TODAY, spread
from bench.environment.seeding.market import NO_CREDIT, POPULATION, STATES
from bench.environment.seeding.strings import Strings, as_strings, base64url, choose, digits, join
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.strings import Ints
    from bench.environment.seeding.table import World

FIRST_CUSTOMER = (TODAY - 8 * 365) * DAY
"""When the first customer was entered."""
_EIGHTEEN_YEARS = 6_580
"""Days, with a week to spare."""
_MARITAL = ("single", "married", "domestic_partner", "divorced", "widowed")
_CONTACT = ("email", "phone", "mail")
STAFF_TYPES = ("agent", "adjuster", "underwriter", "actuary", "admin", "service")
_STAFF_SHARES = (70, 15, 8, 3, 3, 1)
"""Of a hundred staff users."""
_STAFF_ORDER = np.repeat(np.arange(len(STAFF_TYPES), dtype=np.int64), _STAFF_SHARES)
_USER_STATUS = ("active", "invited", "locked", "disabled")


@dataclass(frozen=True, slots=True)
class Home:
    """Where customers live, and since when we know them."""

    state: Ints
    position: Ints
    created: Ints


def home_of(world: World, customer: Ints) -> Home:
    """Return state, position of the ZIP code in it, and the instant of entry."""
    draw = world.draw("customers")
    state = draw.choice("state", customer, POPULATION)
    position = draw.rank("position", customer, world.book.postal_codes[state], 0.4)
    return Home(state, position, spread(customer, world.sizes.customers, FIRST_CUSTOMER, NOW - HOUR))


def known_customers(world: World, moment: Ints) -> Ints:
    """Return how many customers had been entered by an instant; at least one."""
    share = (moment - FIRST_CUSTOMER) / (NOW - HOUR - FIRST_CUSTOMER)
    return np.clip((share * world.sizes.customers).astype(np.int64), 1, world.sizes.customers)


def _customers(world: World, ids: Ints) -> Columns:
    draw = world.draw("customers")
    home = home_of(world, ids)
    given, family = people.draw_names(draw, ids)
    birth = (
        home.created // DAY - _EIGHTEEN_YEARS - 365 * draw.rank("age", ids, 68, 0.2) - draw.integers("day", ids, 0, 365)
    )
    contact = draw.choice("contact", ids, (70, 20, 10))
    licensed = draw.happens("licensed", ids, 0.86)
    known_ssn = draw.happens("ssn", ids, 0.4)
    consent = draw.happens("consent", ids, 0.35)
    apartment = draw.happens("apartment", ids, 0.2)
    updated = np.minimum(home.created + draw.integers("updated", ids, 0, 900 * DAY), NOW - HOUR)
    return {
        "id": c.bigint(ids),
        "customer_number": c.text(join(len(ids), [b"C", digits(ids, 9)])),
        "first_name": c.text(people.given_name(given)),
        "middle_name": c.text(
            as_strings(draw.integers("middle", ids, ord("A"), ord("Z") + 1).astype(np.uint8)[:, None]),
            null=~draw.happens("has_middle", ids, 0.45),
        ),
        "last_name": c.text(people.family_name(family)),
        "date_of_birth": c.date(birth),
        "marital_status": c.word(_MARITAL, draw.choice("marital", ids, (34, 46, 5, 10, 5))),
        "email": c.text(people.email(given, family, ids)),
        "phone": c.text(people.phone(draw, ids), null=(contact != 1) & draw.happens("no_phone", ids, 0.15)),
        "address_line1": c.text(people.street(draw, ids)),
        "address_line2": c.text(
            join(len(ids), [b"Apt ", digits(draw.integers("unit", ids, 1, 999), 3)]), null=~apartment
        ),
        "city": c.text(people.city(home.state, home.position)),
        "state": c.word(STATES, home.state),
        "postal_code": c.text(digits(world.book.postal_code(home.state, home.position), 5)),
        "credit_tier": c.word(
            "ABCDE",
            draw.choice("tier", ids, (22, 28, 26, 15, 9)),
            null=np.isin(home.state, NO_CREDIT) | draw.happens("no_tier", ids, 0.1),
        ),
        "license_state": c.word(STATES, home.state, null=~licensed),
        "license_number_encrypted": c.bytea(people.encrypted(draw, "license", ids, 12), null=~licensed),
        "license_number_hash": c.bytea(draw.octets("license_hash", ids, 32), null=~licensed),
        "ssn_last4_encrypted": c.bytea(people.encrypted(draw, "ssn_text", ids, 4), null=~known_ssn),
        "kms_key_id": c.word([people.KMS_KEY], np.zeros(len(ids), np.int64), null=~(licensed | known_ssn)),
        "preferred_contact": c.word(_CONTACT, contact),
        "paperless": c.boolean(draw.happens("paperless", ids, 0.55)),
        "marketing_consent_at": c.timestamptz(home.created, null=~consent),
        "status": c.word(("active", "inactive", "deceased"), draw.choice("status", ids, (90, 9, 1))),
        "created_at": c.timestamptz(home.created),
        "updated_at": c.timestamptz(updated),
    }


def staff_type(user: Ints) -> Ints:
    """Return the kind of a staff user; kinds repeat every hundred users, so every kind is there."""
    # 37 and 100 have no common divisor: a walk through all places that mixes the kinds.
    kind: Ints = _STAFF_ORDER[(user - 1) * 37 % 100]
    return kind


def staff_of(kind: str, sizes_staff: int) -> Ints:
    """Return the ids of all staff users of one kind."""
    users = np.arange(1, sizes_staff + 1, dtype=np.int64)
    chosen: Ints = users[staff_type(users) == STAFF_TYPES.index(kind)]
    return chosen


def customer_of(world: World, user: Ints) -> Ints:
    """Return the customer behind a user that is no staff: one of each two customers has a login."""
    pair = user - world.sizes.staff
    return 2 * pair - world.draw("users").happens("first_of_pair", user, 0.5)


def user_created(world: World, user: Ints) -> Ints:
    """Return when a user was entered: staff before the first customer."""
    staff = user <= world.sizes.staff
    customer = np.where(staff, 1, customer_of(world, np.maximum(user, world.sizes.staff + 1)))
    joined = home_of(world, customer).created + world.draw("users").integers("delay", user, HOUR, 2 * HOUR)
    return np.where(staff, FIRST_CUSTOMER - 30 * DAY, np.minimum(joined, NOW - HOUR))


def _users(world: World, ids: Ints) -> Columns:
    draw = world.draw("users")
    staff = ids <= world.sizes.staff
    customer = np.where(staff, 1, customer_of(world, np.maximum(ids, world.sizes.staff + 1)))
    own = people.draw_names(draw, ids)
    theirs = people.draw_names(world.draw("customers"), customer)
    given, family = (np.where(staff, mine, other) for mine, other in zip(own, theirs, strict=True))
    created = user_created(world, ids)
    kind = np.where(staff, staff_type(np.minimum(ids, world.sizes.staff)), len(STAFF_TYPES))
    service = staff & (kind == STAFF_TYPES.index("service"))
    status = np.where(staff, 0, draw.choice("status", ids, (91, 5, 1, 3)))
    verified = np.minimum(created + draw.integers("verified", ids, 0, 3 * DAY), NOW)
    idle = draw.rank("idle", ids, 700 * 24, 0.8) * HOUR
    seen = np.maximum(NOW - HOUR - idle, verified)
    customer_email = people.email(given, family, customer)
    return {
        "id": c.bigint(ids),
        "email": c.text(choose(staff, _staff_email(given, family, ids), customer_email)),
        "display_name": c.text(join(len(ids), [people.given_name(given), b" ", people.family_name(family)])),
        "user_type": c.word((*STAFF_TYPES, "customer"), kind),
        "customer_id": c.bigint(customer, null=staff),
        "password_hash": c.text(_password_hash(world, ids), null=service | (staff & draw.happens("sso", ids, 0.8))),
        "status": c.word(_USER_STATUS, status),
        "failed_sign_ins": c.smallint(np.where(status == 2, 5, draw.rank("failed", ids, 5, 1))),
        "locked_until": c.timestamptz(np.full(len(ids), NOW + HOUR), null=status != 2),
        "email_verified_at": c.timestamptz(verified, null=status == 1),
        "last_sign_in_at": c.timestamptz(seen, null=status == 1),
        "created_at": c.timestamptz(created),
        "updated_at": c.timestamptz(np.maximum(seen, created)),
    }


def _staff_email(given: Ints, family: Ints, ids: Ints) -> Strings:
    address = people.email(given, family, ids)
    # Cut example.com and go on with a domain of our own: no customer has it.
    kept = Strings(address.pool, address.starts, address.lengths - len("@example.com"))
    return join(len(ids), [kept, b"@staff.poolbench.invalid"])


def _password_hash(world: World, ids: Ints) -> Strings:
    """Write what a hash of nobody's password looks like."""
    draw = world.draw("users")
    salt, body = (base64url(draw.octets(what, ids, width)) for what, width in (("salt", 22), ("hash", 43)))
    return join(len(ids), [b"$argon2id$v=19$m=19456,t=2,p=1$", salt, b"$", body])


CUSTOMERS = Table("customers", lambda sizes: sizes.customers, _customers)
USERS = Table("users", lambda sizes: sizes.users, _users)
TABLES = (CUSTOMERS, USERS)
