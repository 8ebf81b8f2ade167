"""A patch is text for a person to copy; here it is read as the change that it makes."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from bench.model.change import Change
from bench.model.sql_script import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.measurement import Patch
    from bench.model.scenario import Level

_SETTING = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*)\s*(?:=|\s)\s*(?P<value>'(?:[^']|'')*'|[^#;\n]*?)\s*(?:[#;].*)?")
POOLER_KEYS = {
    "default_pool_size": "pooler.size",
    "max_prepared_statements": "pooler.max_prepared_statements",
    "pool_mode": "pooler.mode",
}
"""Settings of the pooler that a scenario has keys for."""
_EVERYWHERE = re.compile(
    r"\s*(ALTER\s+SYSTEM|(CREATE|DROP)\s+(DATABASE|ROLE|USER|TABLESPACE)|ALTER\s+(ROLE|USER|TABLESPACE))\b",
    re.IGNORECASE,
)
_ROLE_SETTING = re.compile(
    r"\s*ALTER\s+(?:ROLE|USER)\s+(?P<role>\S+)\s+(?P<rest>(?:SET|RESET)\s.*)", re.IGNORECASE | re.DOTALL
)
_DATABASE_SETTING = re.compile(r"\s*ALTER\s+DATABASE\s+\S+\s+(?P<rest>(?:SET|RESET)\s.*)", re.IGNORECASE | re.DOTALL)
DATABASE = "{database}"
"""Stands for the database in force where a statement has to name it."""


def read_patch(patch: Patch) -> Change:
    """Return the change that a patch makes; raises ``ValueError`` that says why it cannot be applied."""
    match patch.kind:
        case "scenario":
            return Change(scenario=_flatten(_read_toml(patch.text)))
        case "pgbouncer.ini":
            return _pooler(dict(_settings(patch.text)))
        case "postgresql.conf":
            return Change(server=dict(_settings(patch.text)))
        case "sql":
            return Change(sql=tuple(map(_contained, split_statements(patch.text))))


def _read_toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the patch is no TOML: {error}") from None


def _flatten(table: dict[str, object], prefix: str = "") -> dict[str, Level]:
    flat: dict[str, Level] = {}
    for name, value in table.items():
        key = f"{prefix}{name}"
        match value:
            case dict():
                flat |= _flatten(value, f"{key}.")
            case str() | int() | float():  # bool is an int
                flat[key] = value
            case _:
                raise ValueError(f"`{key}` is a list: the scenario has to be changed by hand")
    return flat


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith(("#", ";", "[")):
            continue
        found = _SETTING.fullmatch(line)
        if found is None or not found["value"]:
            raise ValueError(f"`{line.strip()}` is no setting")
        value = found["value"]
        if value.startswith("'"):
            value = value[1:-1].replace("''", "'")
        yield found["name"], value


def _pooler(settings: dict[str, str]) -> Change:
    scenario: dict[str, Level] = {}
    for name, key in POOLER_KEYS.items():
        if name in settings:
            text = settings.pop(name)
            scenario[key] = int(text) if text.isdigit() else text
    return Change(scenario=scenario, pooler=settings)


def _contained(statement: str) -> str:
    """Keep a statement's effect inside one database, where that can be said in SQL."""
    if found := _ROLE_SETTING.fullmatch(statement):
        return f"ALTER ROLE {found['role']} IN DATABASE {DATABASE} {found['rest']}"
    if found := _DATABASE_SETTING.fullmatch(statement):
        return f"ALTER DATABASE {DATABASE} {found['rest']}"
    if _EVERYWHERE.match(statement) and " in database " not in statement.casefold():
        raise ValueError(f"`{' '.join(statement.split())[:80]}` reaches beyond one database")
    return statement
