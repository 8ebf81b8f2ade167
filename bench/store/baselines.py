"""Baselines: names for runs, in ``baselines.toml`` beside them. What a person wrote there (comments, order) is kept."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from bench.model.errors import ScenarioError, StoreError
from bench.store.disk import FOLDER_MODE, damaged, read_text, replace_file, writing

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "baselines.toml"
_FORMAT: Final = 1
_KIND: Final = "baselines"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """A name for a run, with what tells the run apart when its folder is gone."""

    run: str
    scenario: str
    commit: str
    set_utc: str
    note: str = ""


def list_baselines(results_root: Path) -> dict[str, Baseline]:
    """Return all by name, in the order of the file; none where there is no file. Raises ``StoreError``."""
    path = results_root / FILE
    if not path.exists():
        return {}
    return {name: _convert(path, name, raw) for name, raw in _read(path).get("baseline", {}).items()}


def find_baseline(name: str, results_root: Path) -> Baseline:
    """Return one; raises ``ScenarioError`` with the nearest name where there is none of that name."""
    known = list_baselines(results_root)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    raise ScenarioError(
        f"there is no baseline {name!r} in {results_root / FILE}",
        evidence=f"known: {', '.join(known)}" if known else "no baseline was ever set there",
        remedy=f"{hint}Set it with `bench baseline set {name} RUN`.",
    )


def set_baseline(name: str, baseline: Baseline, results_root: Path) -> Baseline | None:
    """Give a run a name; returns what had the name before. Raises ``ScenarioError`` for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise ScenarioError(
            f"{name!r} cannot be the name of a baseline",
            remedy="Use letters, digits, `.`, `_`, `-` and `/`, at most 100, beginning with a letter or digit.",
        )
    path = results_root / FILE
    document = _read(path) if path.exists() else _empty()
    before = document.get("baseline", {}).get(name)
    old = None if before is None else _convert(path, name, before)
    table = document.setdefault("baseline", tomlkit.table(is_super_table=True)).setdefault(name, tomlkit.table())
    for key, value in msgspec.to_builtins(baseline).items():
        if value:
            table[key] = value
        elif key in table:
            del table[key]
    _write(path, document)
    return old


def remove_baseline(name: str, results_root: Path) -> Baseline:
    """Forget a name; the run stays. Raises ``ScenarioError`` where there is none of that name."""
    removed = find_baseline(name, results_root)
    path = results_root / FILE
    document = _read(path)
    del document["baseline"][name]
    _write(path, document)
    return removed


def _empty() -> Any:
    document = tomlkit.document()
    document.add(tomlkit.comment("Names for runs, kept by `bench baseline`."))
    document.add("format", tomlkit.item(_FORMAT))
    document.add("kind", tomlkit.item(_KIND))
    return document


def _read(path: Path) -> Any:
    try:
        document = tomlkit.parse(read_text(path))
    except TOMLKitError as error:
        raise damaged(path, f"not valid TOML: {error}") from None
    kind, number = document.get("kind"), document.get("format")
    if kind != _KIND:
        raise damaged(path, f"its `kind` is {kind!r}, not {_KIND!r}")
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise damaged(path, f"`format` is {number!r}, not a number from 1")
    if number > _FORMAT:
        raise StoreError(
            f"{path} was written by a newer poolbench (format {number}, this one reads up to {_FORMAT})",
            remedy="Upgrade poolbench.",
        )
    if not isinstance(document.get("baseline", {}), dict):
        raise damaged(path, "`baseline` is not a table")
    return document


def _convert(path: Path, name: str, raw: Any) -> Baseline:
    try:
        return msgspec.convert(raw.unwrap() if hasattr(raw, "unwrap") else raw, Baseline)
    except msgspec.ValidationError as error:
        raise damaged(path, f"baseline {name!r}: {error}") from None


def _write(path: Path, document: Any) -> None:
    with writing(path):
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    replace_file(path, tomlkit.dumps(document).encode())
