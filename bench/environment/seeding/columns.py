"""Columns in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format").

Every field is its length as int32, -1 for null, and then its value as the type's receive function reads it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding.strings import Part, Strings, as_strings, join, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from bench.environment.seeding.strings import Ints, Mask, Octets

Column = list[Part]
Columns = dict[str, Column]

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER = struct.pack("!h", -1)

_TEXT_OID = 25
_NUMERIC_GROUPS = 4
_NULL = np.frombuffer(struct.pack("!i", -1), dtype=np.uint8)


def encode(columns: Mapping[str, Column], count: int) -> bytes:
    """Return ``count`` rows, without signature and trailer."""
    parts: list[Part] = [struct.pack("!h", len(columns))]
    for column in columns.values():
        parts.extend(column)
    return join(count, parts).pool.tobytes()


def _octets(values: NDArray[np.generic]) -> Octets:
    width = values.dtype.itemsize * (values.shape[1] if values.ndim > 1 else 1)
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), width)


def _fixed(body: Octets, null: Mask | None) -> Column:
    count, width = body.shape
    header = np.broadcast_to(np.frombuffer(struct.pack("!i", width), dtype=np.uint8), (count, 4))
    if null is None:
        return [header, body]
    record = np.hstack((header, body))
    record[null, :4] = _NULL
    field = as_strings(record)
    return [Strings(field.pool, field.starts, np.where(null, 4, 4 + width))]


def bigint(values: Ints, null: Mask | None = None) -> Column:
    """Encode ``bigint``."""
    return _fixed(_octets(values.astype(">i8")), null)


def integer(values: Ints, null: Mask | None = None) -> Column:
    """Encode ``integer``."""
    return _fixed(_octets(values.astype(">i4")), null)


def smallint(values: Ints, null: Mask | None = None) -> Column:
    """Encode ``smallint``."""
    return _fixed(_octets(values.astype(">i2")), null)


def boolean(values: Mask) -> Column:
    """Encode ``boolean``."""
    return _fixed(values.astype(np.uint8).reshape(-1, 1), None)


def date(days: Ints, null: Mask | None = None) -> Column:
    """Encode ``date`` from days since 2000-01-01."""
    return integer(days, null)


def timestamptz(microseconds: Ints, null: Mask | None = None) -> Column:
    """Encode ``timestamptz`` from microseconds since 2000-01-01 UTC."""
    return bigint(microseconds, null)


def numeric(units: Ints, scale: int = 2, null: Mask | None = None) -> Column:
    """Encode ``numeric`` from whole units of its last decimal place: cents where the scale is 2.

    Four groups of four digits before the point and one behind it; the server strips the zeros.
    """
    if not 0 <= scale <= 4:
        raise ValueError(f"one group of digits holds 4 decimals, not {scale}")
    magnitude = np.abs(units)
    whole, rest = np.divmod(magnitude, 10**scale)
    head = np.empty((len(units), 4 + _NUMERIC_GROUPS + 1), dtype=">i2")
    head[:, 0] = _NUMERIC_GROUPS + 1
    head[:, 1] = _NUMERIC_GROUPS - 1
    head[:, 2] = np.where(units < 0, 0x4000, 0)
    head[:, 3] = scale
    for place in range(_NUMERIC_GROUPS):
        head[:, 4 + place] = whole // 10_000 ** (_NUMERIC_GROUPS - 1 - place) % 10_000
    head[:, -1] = rest * 10 ** (4 - scale)
    return _fixed(_octets(head), null)


def text(values: Strings | Octets, null: Mask | None = None) -> Column:
    """Encode ``text``."""
    strings = values if isinstance(values, Strings) else as_strings(values)
    lengths = strings.lengths if null is None else np.where(null, -1, strings.lengths)
    body = Strings(strings.pool, strings.starts, np.maximum(lengths, 0))
    return [_octets(lengths.astype(">i4")), body]


def word(words: Sequence[str], index: ArrayLike, null: Mask | None = None) -> Column:
    """Encode ``text`` by its position in a short list of words."""
    return text(vocabulary(words).take(np.asarray(index, dtype=np.int64)), null)


def constant(value: str, count: int) -> Column:
    """Encode ``text`` that is the same in every row."""
    return word([value], np.zeros(count, dtype=np.int64))


def jsonb(values: Strings, null: Mask | None = None) -> Column:
    """Encode ``jsonb`` from its text: a version byte goes before it."""
    lengths = values.lengths + 1 if null is None else np.where(null, -1, values.lengths + 1)
    version = np.ones((len(lengths), 1), dtype=np.uint8)
    if null is None:
        return [_octets(lengths.astype(">i4")), version, values]
    return [_octets(lengths.astype(">i4")), as_strings(version).only(~null), values.only(~null)]


def bytea(values: Octets, null: Mask | None = None) -> Column:
    """Encode ``bytea`` of one width."""
    return _fixed(values, null)


def uuid(values: Octets, null: Mask | None = None) -> Column:
    """Encode ``uuid`` from 16 random octets, marked as version 4 (RFC 9562)."""
    marked = values.copy()
    marked[:, 6] = (marked[:, 6] & 0x0F) | 0x40
    marked[:, 8] = (marked[:, 8] & 0x3F) | 0x80
    return _fixed(marked, null)


def inet(addresses: Ints, null: Mask | None = None) -> Column:
    """Encode ``inet`` from IPv4 addresses as numbers: family, bits, no network, 4 octets."""
    body = np.empty((len(addresses), 8), dtype=np.uint8)
    body[:, :4] = np.frombuffer(struct.pack("!4B", 2, 32, 0, 4), dtype=np.uint8)
    body[:, 4:] = _octets(addresses.astype(">u4"))
    return _fixed(body, null)


def text_array(lists: Iterable[Sequence[str]], index: Ints) -> Column:
    """Encode ``text[]`` by its position among a few lists."""
    fields = vocabulary([_array(items) for items in lists]).take(index)
    return [fields]


def _array(items: Sequence[str]) -> bytes:
    shape = struct.pack("!iii", 1 if items else 0, 0, _TEXT_OID)
    if items:
        shape += struct.pack("!ii", len(items), 1)
    elements = b"".join(struct.pack("!i", len(item.encode())) + item.encode() for item in items)
    return struct.pack("!i", len(shape + elements)) + shape + elements
