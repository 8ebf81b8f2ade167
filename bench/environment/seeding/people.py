"""Made-up people: names of made-up syllables, addresses of made-up streets, reserved phone numbers and domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.seeding.strings import as_strings, digits, join, number, vocabulary

if TYPE_CHECKING:
    from bench.environment.seeding.draw import Draw
    from bench.environment.seeding.strings import Ints, Octets, Strings

_ONSETS = ("Ba", "Ce", "Do", "Fi", "Gu", "Ha", "Jo", "Ka", "Lu", "Me", "No", "Pe", "Qui", "Ro", "Sa", "Te", "Vi", "Zo")
_MIDDLES = ("l", "m", "n", "r", "ll", "nd", "rv", "st", "th", "z")
_GIVEN_ENDS = ("a", "an", "el", "en", "ia", "is", "o", "or")
_FAMILY_ENDS = ("ack", "ard", "berg", "dale", "ers", "ford", "ing", "man", "over", "sen", "sky", "ton")
_CITY_ENDS = ("boro", "field", "haven", "mont", "port", "ridge", "ville", "wood")
_STREETS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Hazel", "Juniper", "Larch", "Maple", "Oak", "Pine")
_STREET_KINDS = ("Ave", "Blvd", "Ct", "Dr", "Ln", "Rd", "St", "Way")

GIVEN_NAMES = tuple(a + b + c for a in _ONSETS for b in _MIDDLES for c in _GIVEN_ENDS)
FAMILY_NAMES = tuple(a + b + c for a in _ONSETS for b in _MIDDLES for c in _FAMILY_ENDS)
_CITIES = tuple(a + b + c for a in _ONSETS[::2] for b in _MIDDLES[::3] for c in _CITY_ENDS)
_GIVEN, _FAMILY = vocabulary(GIVEN_NAMES), vocabulary(FAMILY_NAMES)
_GIVEN_LOWER = vocabulary(name.lower() for name in GIVEN_NAMES)
_FAMILY_LOWER = vocabulary(name.lower() for name in FAMILY_NAMES)
_CITY = vocabulary(_CITIES)
_STREET = vocabulary(f" {name} {kind}" for name in _STREETS for kind in _STREET_KINDS)

KMS_KEY = "kms-2025-01"
AES_GCM_OVERHEAD = 28
"""Nonce and tag: an encrypted field is its plain text and these octets."""


def given_name(index: Ints) -> Strings:
    """Return first names."""
    return _GIVEN.take(index)


def family_name(index: Ints) -> Strings:
    """Return last names."""
    return _FAMILY.take(index)


def draw_names(draw: Draw, ids: Ints, what: str = "name") -> tuple[Ints, Ints]:
    """Draw first and last names; some are far more frequent than others."""
    return (
        draw.rank(f"{what}.given", ids, len(GIVEN_NAMES), 0.6),
        draw.rank(f"{what}.family", ids, len(FAMILY_NAMES), 0.7),
    )


def email(given: Ints, family: Ints, ids: Ints) -> Strings:
    """Return addresses in a domain reserved for documentation (RFC 2606); the number makes them unique."""
    name, surname = _GIVEN_LOWER.take(given), _FAMILY_LOWER.take(family)
    return join(len(ids), [name, b".", surname, b".", number(ids), b"@example.com"])


def phone(draw: Draw, ids: Ints) -> Octets:
    """Return numbers of the block 555-0100 to 555-0199, which is kept for fiction, in E.164."""
    area = draw.integers("phone.area", ids, 201, 990)
    line = draw.integers("phone.line", ids, 0, 100)
    parts = join(len(ids), [b"+1", digits(area, 3), b"55501", digits(line, 2)])
    return parts.pool.reshape(len(ids), -1)


def street(draw: Draw, ids: Ints) -> Strings:
    """Return the first line of an address."""
    house = draw.integers("house", ids, 1, 9_900)
    return join(len(ids), [number(house), _STREET.take(draw.integers("street", ids, 0, len(_STREET.starts)))])


def city(state: Ints, position: Ints) -> Strings:
    """Return the city of a ZIP code: neighbouring codes share one."""
    return _CITY.take((state * 37 + position // 3) % len(_CITIES))


def encrypted(draw: Draw, what: str, ids: Ints, plain_bytes: int) -> Octets:
    """Return what a field of this length looks like once encrypted: noise."""
    return draw.octets(what, ids, plain_bytes + AES_GCM_OVERHEAD)


def address(draw: Draw, ids: Ints) -> Ints:
    """Return IPv4 addresses as numbers, in 10.0.0.0/8, which is nobody's (RFC 1918)."""
    return (10 << 24) + draw.integers("ip", ids, 0, 1 << 24)


def padded(values: Ints, width: int) -> Strings:
    """Return numbers with leading zeros as texts."""
    return as_strings(digits(values, width))
