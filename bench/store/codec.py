"""Values <-> JSON objects that begin with ``format`` and ``kind``; newer formats are refused, older ones upgraded."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np
from msgspec import inspect

from bench.model.errors import StoreError
from bench.store.disk import damaged, read_file

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
Document = dict[str, Any]
Upgrade = Callable[[Document], Document]

# History of the formats: 1 is the first of every kind.
FORMATS: Final[dict[str, int]] = {
    "run": 1,
    "plan": 1,
    "host": 1,
    "facts": 1,
    "plans": 1,
    "samples": 1,
    "measurements": 1,
    "findings": 1,
    "verdict": 1,
    "tuning": 1,
    "explained": 1,
    "gate": 1,
    "audit": 1,
}
"""The format written now, by kind."""

UPGRADES: Final[dict[str, dict[int, Upgrade]]] = {}
"""``UPGRADES[kind][n]`` turns the fields of format n into those of format n + 1."""


def _plain(value: object) -> object:
    """Reduce what msgspec does not know; anything else is a bug and raises ``NotImplementedError``."""
    match value:
        case np.generic():
            return value.item()
        case np.ndarray():
            return value.tolist()
        case int():  # subclasses such as Duration
            return int(value)
        case float():
            return float(value)
        case PurePath():
            return str(value)
        case _:
            raise NotImplementedError(f"{type(value).__name__} has no form in JSON")


def encode(kind: str, value: object) -> bytes:
    """Return the JSON of a struct or dict. A number that is not finite becomes null.

    Keys keep their order, because it carries meaning: swept keys lay out the trials, plans read from the top. What is
    decoded and encoded again gives the same bytes.
    """
    body = msgspec.json.encode(value, enc_hook=_plain)
    head = msgspec.json.encode({"format": FORMATS[kind], "kind": kind})
    joined = head[:-1] + (b"," if body != b"{}" else b"") + body[1:]
    return msgspec.json.format(joined, indent=2) + b"\n"


def check_header(source: Path, kind: str, found_kind: object, found_format: object) -> int:
    """Return the format found if it can be read; raises ``StoreError`` for another kind or a newer format."""
    if found_kind != kind:
        raise StoreError(
            f"{source} is not a `{kind}` file",
            evidence=f"its `kind` is {found_kind!r}" if found_kind is not None else "it has no `kind`",
            remedy="Check the path: this file belongs elsewhere.",
        )
    if isinstance(found_format, bool) or not isinstance(found_format, int) or found_format < 1:
        raise damaged(source, f"`format` is {found_format!r}, not a number from 1")
    newest = FORMATS[kind]
    if found_format > newest:
        raise StoreError(
            f"{source} was written by a newer poolbench (format {found_format}, this one reads up to {newest})",
            remedy="Upgrade poolbench.",
        )
    return found_format


def _parse(data: bytes, source: Path) -> Document:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(source, f"not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise damaged(source, f"an object was expected, not {type(document).__name__}")
    return document


def decode(data: bytes, source: Path, kind: str, form: type[T]) -> T:
    """Return the value in ``data``; raises ``StoreError`` that names ``source`` and the path of what is wrong."""
    document = _parse(data, source)
    found = check_header(source, kind, document.pop("kind", None), document.pop("format", None))
    for number in range(found, FORMATS[kind]):
        upgrade = UPGRADES.get(kind, {}).get(number)
        if upgrade is None:
            raise StoreError(
                f"{source} was written by an older poolbench (format {number}), which this one cannot read",
                remedy="Run `bench analyse` with the version that wrote it, or run the scenario again.",
            )
        try:
            document = upgrade(document)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise damaged(source, f"format {number} cannot be upgraded: {type(error).__name__}: {error}") from None
    try:
        return _convert(document, form)
    except (msgspec.ValidationError, RecursionError) as error:
        raise damaged(source, str(error)) from None


def load(path: Path, kind: str, form: type[T]) -> T:
    """Return the value in a file; raises ``StoreError``."""
    return decode(read_file(path), path, kind, form)


def _convert(document: Document, form: type[T]) -> T:
    try:
        return msgspec.convert(document, form)
    except msgspec.ValidationError as error:
        if "got `null`" not in str(error):
            raise
    return msgspec.convert(_restore(document, inspect.type_info(form)), form)


def _restore(raw: Any, shape: inspect.Type) -> Any:
    """Read null as NaN where a number is due and null is not: it stands for one that was not finite."""
    match raw, shape:
        case None, inspect.FloatType():
            return math.nan
        case None, inspect.UnionType(types=types):
            kinds = {type(part) for part in types}
            return math.nan if inspect.FloatType in kinds and inspect.NoneType not in kinds else None
        case dict() | list(), inspect.UnionType(types=types):
            nested = [part for part in types if not isinstance(part, inspect.NoneType)]
            return _restore(raw, nested[0]) if len(nested) == 1 else raw
        case dict(), inspect.DictType(value_type=inner):
            return {key: _restore(item, inner) for key, item in raw.items()}
        case dict(), inspect.StructType(fields=fields) | inspect.DataclassType(fields=fields):
            shapes = {field.encode_name: field.type for field in fields}
            return {key: _restore(item, shapes[key]) if key in shapes else item for key, item in raw.items()}
        case list(), inspect.VarTupleType(item_type=inner) | inspect.ListType(item_type=inner):
            return [_restore(item, inner) for item in raw]
        case _:
            return raw
