"""Text for a whole chunk of rows at once: bytes laid end to end, with the start and length of each row's piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Octets = NDArray[np.uint8]
"""One row a record, all of the same width; or flat."""

_BASE64URL = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Strings:
    """One text a row. Rows may share bytes of the pool, so picking from a vocabulary copies nothing."""

    pool: Octets
    starts: Ints
    lengths: Ints

    def take(self, index: Ints) -> Strings:
        """Return the texts at these positions."""
        return Strings(self.pool, self.starts[index], self.lengths[index])

    def only(self, mask: Mask) -> Strings:
        """Return the texts where the mask holds, and nothing elsewhere."""
        return Strings(self.pool, self.starts, np.where(mask, self.lengths, 0))


Part = Strings | Octets | bytes
"""What a row is made of: a text, a record of fixed width, or bytes that all rows share."""


def vocabulary(words: Iterable[str | bytes]) -> Strings:
    """Lay words end to end, to be picked from by position."""
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    lengths = np.array([len(word) for word in encoded], dtype=np.int64)
    return Strings(np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum(lengths) - lengths, lengths)


def digits(values: Ints, width: int) -> Octets:
    """Write each number with exactly ``width`` digits, leading zeros included."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def number(values: Ints) -> Strings:
    """Write each number, not negative, with as many digits as it has."""
    width = len(str(int(values.max(initial=0))))
    lengths = np.ones(len(values), dtype=np.int64)
    for power in range(1, width):
        lengths += values >= 10**power
    starts = np.arange(1, len(values) + 1, dtype=np.int64) * width - lengths
    return Strings(digits(values, width).reshape(-1), starts, lengths)


def base64url(octets: Octets) -> Octets:
    """Write one letter of the base64url alphabet (RFC 4648) an octet: what random keys look like."""
    letters: Octets = _BASE64URL[octets & 63]
    return letters


def as_strings(records: Octets) -> Strings:
    """Look at records of fixed width as texts."""
    count, width = records.shape
    return Strings(records.reshape(-1), np.arange(count, dtype=np.int64) * width, np.full(count, width, dtype=np.int64))


def choose(mask: Mask, yes: Strings, no: Strings) -> Strings:
    """Return row by row the one text or the other."""
    return Strings(
        np.concatenate((yes.pool, no.pool)),
        np.where(mask, yes.starts, no.starts + len(yes.pool)),
        np.where(mask, yes.lengths, no.lengths),
    )


def join(count: int, parts: Sequence[Part]) -> Strings:
    """Concatenate the parts row by row."""
    pieces = _merge(count, parts)
    lengths = np.zeros(count, dtype=np.int64)
    for piece in pieces:
        lengths += piece.lengths if isinstance(piece, Strings) else piece.shape[1]
    starts = np.cumsum(lengths) - lengths
    out = np.empty(int(lengths.sum()), dtype=np.uint8)
    at = starts.copy()
    for piece in pieces:
        if isinstance(piece, Strings):
            _scatter(out, at, piece)
            at += piece.lengths
        else:
            out[at[:, None] + np.arange(piece.shape[1])] = piece
            at += piece.shape[1]
    return Strings(out, starts, lengths)


def group(texts: Strings, owner: Ints, count: int, separator: bytes) -> Strings:
    """Concatenate the texts of each owner, 0 to ``count`` - 1, in their order, a separator between.

    The texts stand in the order of their owners; an owner without texts gets the empty one.
    """
    if not len(owner):
        return Strings(np.empty(0, np.uint8), np.zeros(count, np.int64), np.zeros(count, np.int64))
    first = np.concatenate(([True], owner[1:] != owner[:-1]))
    separators = vocabulary([separator]).take(np.zeros(len(owner), dtype=np.int64)).only(~first)
    joined = join(len(owner), [separators, texts])
    lengths = np.bincount(owner, weights=joined.lengths, minlength=count).astype(np.int64)
    return Strings(joined.pool, np.cumsum(lengths) - lengths, lengths)


def _merge(count: int, parts: Sequence[Part]) -> list[Strings | Octets]:
    """Turn neighbours of fixed width into one record, as each piece costs a pass over the rows."""
    pieces: list[Strings | Octets] = []
    run: list[Octets] = []
    for part in parts:
        if isinstance(part, Strings):
            if run:
                pieces.append(np.hstack(run))
                run = []
            pieces.append(part)
        elif isinstance(part, bytes):
            run.append(np.broadcast_to(np.frombuffer(part, dtype=np.uint8), (count, len(part))))
        else:
            run.append(part)
    if run:
        pieces.append(np.hstack(run))
    return pieces


def _scatter(out: Octets, at: Ints, piece: Strings) -> None:
    """Copy each row's bytes to its place."""
    before = np.cumsum(piece.lengths) - piece.lengths
    place = np.arange(int(piece.lengths.sum()), dtype=np.int64)
    out[place + np.repeat(at - before, piece.lengths)] = piece.pool[
        place + np.repeat(piece.starts - before, piece.lengths)
    ]
