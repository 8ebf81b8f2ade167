"""Thresholds of the monitor's alerts: TOML text to values, over the shipped ones.

    [maxwait]
    warning = "1s"
    critical = "5s"
    reason = "…"

A table without ``warning`` and ``critical`` turns its alert off. Misspelt names are refused with the nearest one.
"""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench.model.errors import ScenarioError
from bench.model.units import Duration, parse_percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEVERITIES = ("critical", "warning")


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one quantity in its unit; ``falls`` where low values are the bad ones. None does not alert."""

    warning: float | None
    critical: float | None
    reason: str
    unit: str
    falls: bool = False

    def severity(self, value: float) -> str | None:
        """Return the severity of a value, None where it is well. A limit itself alerts."""
        for severity in SEVERITIES:
            limit = self.limit(severity)
            if limit is not None and (value <= limit if self.falls else value >= limit):
                return severity
        return None

    def limit(self, severity: str) -> float | None:
        """Return the limit of one severity."""
        return self.critical if severity == "critical" else self.warning


Thresholds = dict[str, Threshold]
_KEYS = (*SEVERITIES[::-1], "reason")


def _seconds(value: object) -> float:
    return Duration.parse(value).seconds


def _share(value: object) -> float:
    if not isinstance(value, str):
        msg = f"expected a share such as '90%', got the bare value {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - the caller words all of them alike
    return parse_percent(value)


def _count(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"expected a whole number, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - as above
    return float(value)


_QUANTITIES: Final[dict[str, tuple[Callable[[object], float], str, bool]]] = {
    "pool_utilisation": (_share, "%", False),
    "waiting_clients": (_count, "1", False),
    "maxwait": (_seconds, "s", False),
    "connections": (_share, "%", False),
    "long_transaction": (_seconds, "s", False),
    "idle_in_transaction": (_seconds, "s", False),
    "locks_waiting": (_count, "1", False),
    "lock_wait": (_seconds, "s", False),
    "hit_ratio": (_share, "%", True),
    "deadlocks": (_count, "1", False),
    "months_ahead": (_count, "1", True),
    "xid_age": (_count, "1", False),
}
"""How each is read, its unit, and whether low values are the bad ones."""


def parse_thresholds(text: str, source: str, shipped: Mapping[str, Threshold] | None = None) -> Thresholds:
    """Read thresholds; tables that the text does not have keep the shipped ones. Raises ``ScenarioError``."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{source}: not valid TOML: {error}", remedy="Correct the syntax there.") from None
    found: Thresholds = dict(shipped or {})
    for name, table in raw.items():
        if name not in _QUANTITIES:
            raise _unknown(source, f"$.{name}", name, tuple(_QUANTITIES))
        if not isinstance(table, dict):
            raise ScenarioError(
                f"{source}: `$.{name}` is no table", remedy=f"Write `[{name}]`, then `warning = …` and `critical = …`."
            )
        found[name] = _threshold(source, name, table, found.get(name))
    return found


def _threshold(source: str, name: str, table: Mapping[str, Any], shipped: Threshold | None) -> Threshold:
    read, unit, falls = _QUANTITIES[name]
    for key in table:
        if key not in _KEYS:
            raise _unknown(source, f"$.{name}.{key}", key, _KEYS)
    limits: dict[str, float] = {}
    for severity in SEVERITIES:
        if severity in table:
            try:
                limits[severity] = read(table[severity])
            except ValueError as error:
                raise ScenarioError(
                    f"{source}: `$.{name}.{severity}`: {error}", remedy="Write the value with its unit, as shipped."
                ) from None
    if len(limits) == len(SEVERITIES):
        milder, graver = limits["warning"], limits["critical"]
        if graver > milder if falls else graver < milder:
            raise ScenarioError(
                f"{source}: `$.{name}.critical` is reached before `warning`",
                evidence=f"warning {milder:g}, critical {graver:g}; {'low' if falls else 'high'} values are bad",
                remedy="Exchange the two, or leave one out.",
            )
    reason = table.get("reason", shipped.reason if shipped else "")
    if not isinstance(reason, str) or not reason:
        raise ScenarioError(f"{source}: `$.{name}.reason` is no text", remedy="Say why this limit, in a sentence.")
    return Threshold(
        warning=limits.get("warning"), critical=limits.get("critical"), reason=reason, unit=unit, falls=falls
    )


def _unknown(source: str, path: str, word: str, known: tuple[str, ...]) -> ScenarioError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return ScenarioError(
        f"{source}: unknown key `{path}`", remedy=f"Did you mean `{near[0]}`? Known: {', '.join(known)}."
    )
