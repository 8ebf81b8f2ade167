"""A scenario that blends others: ``include = ["sign_in:0.3", …]`` takes over their operations with a share of the mix.

The texts of the others travel with the scenario in its table ``included``, so that what a run stored can be read where
those files have changed or are gone.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Mapping

Raw = dict[str, Any]

_ENTRY = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*([0-9]+(?:\.[0-9]+)?)")


def shares(raw: Raw, source: str) -> dict[str, float]:
    """Return the included scenarios by name with their shares; raises ``ScenarioError`` for what is no such list."""
    found: dict[str, float] = {}
    entries = raw.get("include", [])
    for entry in entries if isinstance(entries, list) else [entries]:
        matched = _ENTRY.fullmatch(entry) if isinstance(entry, str) else None
        if matched is None or float(matched[2]) <= 0 or matched[1] in found:
            raise ScenarioError(
                f"{source}: `$.include` has {entry!r}",
                remedy='Name each scenario once, with its share of the mix above 0: `include = ["sign_in:0.3"]`.',
            )
        found[matched[1]] = float(matched[2])
    return found


def attach(text: str, included: Mapping[str, str]) -> str:
    """Return the scenario's text with those of the included ones behind it."""
    if not included:
        return text
    tables = (f"{json.dumps(name)} = {_quoted(one)}\n" for name, one in included.items())
    return f"{text.rstrip()}\n\n# What is included, as it was read.\n[included]\n{''.join(tables)}"


def _quoted(text: str) -> str:
    literal = f"'''\n{text}'''"
    try:
        if tomllib.loads(f"x = {literal}")["x"] == text:
            return literal
    except tomllib.TOMLDecodeError:
        pass  # it holds three quotes itself
    return json.dumps(text, ensure_ascii=False)


def blend(raw: Raw, source: str) -> Raw:
    """Return the raw scenario with the operations of the included ones behind its own.

    An operation's weight is its scenario's share of the mix, times its own share of that scenario.
    """
    texts = raw.get("included", {})
    blended = {key: value for key, value in raw.items() if key != "included"}
    operations = list(raw.get("operation", []))
    for name, share in shares(raw, source).items():
        if name not in texts:
            raise ScenarioError(
                f"{source}: includes {name!r}, which was not read with it", remedy="Name it by its file."
            )
        other = tomllib.loads(texts[name])
        if "include" in other:
            raise ScenarioError(
                f"{source}: includes {name!r}, which includes others itself", remedy="Include those instead."
            )
        taken = copy.deepcopy(other["operation"])
        total = sum(operation.get("weight", 1.0) for operation in taken)
        for operation in taken:
            operation["weight"] = share * operation.get("weight", 1.0) / total
        operations += taken
    if operations:
        blended["operation"] = operations
    return blended
