"""TOML text to ``Scenario``: overrides by dotted key, and errors that name the path and the nearest valid name."""

from __future__ import annotations

import copy
import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from bench.model import parameters
from bench.model.disturbance import Disturbance
from bench.model.errors import ScenarioError
from bench.model.inclusion import blend
from bench.model.pooler import Pooler
from bench.model.retry import Retry
from bench.model.scenario import (
    ClosedLoop,
    Dataset,
    Level,
    OpenLoop,
    Operation,
    Pool,
    Run,
    Scenario,
    Step,
    UserLoop,
)
from bench.model.units import Duration, Rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Raw = dict[str, Any]

PARTS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "$": (Scenario,),
    "$.dataset": (Dataset,),
    "$.operation[]": (Operation,),
    "$.operation[].retry": (Retry,),
    "$.operation[].step[]": (Step,),
    "$.operation[].parameters[]": get_args(parameters.Parameter),
    "$.load": (ClosedLoop, OpenLoop, UserLoop),
    "$.pool": (Pool,),
    "$.pooler": (Pooler,),
    "$.run": (Run,),
    "$.disturbance[]": (Disturbance,),
}
"""Every table of a scenario by its path; several types where `kind` or `model` chooses one."""
_UNKNOWN = re.compile(r"Object contains unknown field `(.+?)`(?: - at `(.+)`)?")
_MISSING_TAG = re.compile(r"Object missing required field `(model|kind)`")
_INVALID_TAG = re.compile(r"Invalid value '(.+)' - at `(\$\.load\.model|.*\.kind)`")


_DEEPEST = 32
_SHAPES = (
    *((name, dict, "a table") for name in ("dataset", "load", "pool", "pooler", "run", "sweep", "quick")),
    ("budgets", list, "an array"),
    ("disturbance", list, "an array of tables (`[[disturbance]]`)"),
)


def _parts(path: str) -> tuple[type[msgspec.Struct], ...]:
    return PARTS.get(re.sub(r"\[[^\]]*\]", "[]", path), ())


def _keys(path: str) -> list[str]:
    tags = [part.__struct_config__.tag_field for part in _parts(path) if part.__struct_config__.tag_field]
    return list(dict.fromkeys([*tags, *(name for part in _parts(path) for name in part.__struct_fields__)]))


def _owners(word: str, path: str) -> str:
    """Say which variants of a union know a key that the chosen variant does not."""
    owners = [part for part in _parts(path) if word in part.__struct_fields__]
    tags = " or ".join(f'{part.__struct_config__.tag_field} = "{part.__struct_config__.tag}"' for part in owners)
    return f"`{word}` belongs to {tags}. " if owners else ""


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`? " if near else ""


def _explain(error: msgspec.ValidationError, source: str) -> ScenarioError:
    text = str(error)
    if unknown := _UNKNOWN.search(text):
        word, path = unknown[1], unknown[2] or "$"
        known = _keys(path)
        return ScenarioError(
            f"{source}: unknown key `{path}.{word}`",
            remedy=f"{_owners(word, path) or _nearest(word, known)}Valid keys of `{path}`: {', '.join(known)}.",
        )
    if invalid := _INVALID_TAG.search(text):
        where = "load models" if invalid[2].endswith("model") else "parameter kinds"
        types = PARTS["$.load" if invalid[2].endswith("model") else "$.operation[].parameters[]"]
        known = [str(part.__struct_config__.tag) for part in types]
        if invalid[1] == "open":
            return ScenarioError(
                f"{source}: `{invalid[2]}` is left open: nobody has chosen yet where its values come from",
                remedy=f"Replace it by one of: {', '.join(known)}; the comment there shows how.",
            )
        return ScenarioError(
            f"{source}: `{invalid[2]}` is {invalid[1]!r}, which is not one of the {where}",
            remedy=f"{_nearest(invalid[1], known)}Use one of: {', '.join(known)}.",
        )
    if missing := _MISSING_TAG.search(text):
        return ScenarioError(f"{source}: {text}", remedy=f"Add `{missing[1]} = …` there.")
    return ScenarioError(
        f"{source}: {text}",
        remedy="Correct the value at the path named; `bench plan` checks a scenario without running it.",
    )


def _dec_hook(kind: type, value: object) -> object:
    if kind in (Duration, Rate):
        return kind.parse(value)
    msg = f"cannot decode {kind}"
    raise NotImplementedError(msg)


def read_raw(text: str, source: str) -> Raw:
    """Parse TOML, and blend in what it includes; raises ``ScenarioError`` with line and column."""
    return blend(read_table(text, source), source)


def read_table(text: str, source: str) -> Raw:
    """Parse TOML as it is written."""
    try:
        raw = tomllib.loads(text)
    except ValueError as error:  # also a number with too many digits, a date that does not exist
        raise ScenarioError(
            f"{source}: not valid TOML: {error}", remedy="Correct the syntax at the line named."
        ) from None
    except RecursionError:
        raise _too_deep(source) from None
    _check_shape(raw, source)
    return raw


def _too_deep(source: str) -> ScenarioError:
    return ScenarioError(
        f"{source}: tables or arrays are nested too deep",
        evidence=f"a scenario needs far less than {_DEEPEST} levels",
        remedy="Name a scenario file, or mend the brackets.",
    )


def _check_shape(raw: Raw, source: str) -> None:
    """Refuse what could not even be overridden: tables that are none, and nesting without end."""
    for name, kind, word in _SHAPES:
        if name in raw and not isinstance(raw[name], kind):
            raise ScenarioError(
                f"{source}: expected {word}, got {type(raw[name]).__name__} - at `$.{name}`",
                remedy=f"Write `{name}` as {word}; `bench plan` checks a scenario without running it.",
            )
    level: list[Any] = [raw]
    for _ in range(_DEEPEST):
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
        level = [part for part in level if isinstance(part, dict | list)]
        if not level:
            return
    raise _too_deep(source)


def override(raw: Raw, settings: Mapping[str, object], source: str) -> Raw:
    """Return a copy with dotted keys such as ``pool.size`` set. Unknown keys are refused when the copy is decoded."""
    changed = copy.deepcopy(raw)
    for dotted, value in settings.items():
        *path, leaf = dotted.split(".")
        target = changed
        for position, name in enumerate(path):
            target = target.setdefault(name, {})
            if not isinstance(target, dict):
                where = ".".join(path[: position + 1])
                raise ScenarioError(
                    f"{source}: cannot set `{dotted}`: `{where}` is not a table",
                    remedy="Name a key such as `pool.size`, `load.clients` or `run.window`.",
                )
        target[leaf] = list(value) if isinstance(value, tuple) else value
    return changed


def decode(raw: Raw, source: str) -> Scenario:
    """Validate one raw scenario, and every level of its sweep with it."""
    try:
        scenario = msgspec.convert(raw, Scenario, dec_hook=_dec_hook, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(error, source) from None
    for key, levels in scenario.sweep.items():
        for level in levels:
            plain = {name: value for name, value in raw.items() if name not in ("sweep", "quick")}
            try:
                msgspec.convert(override(plain, {key: level}, source), Scenario, dec_hook=_dec_hook, strict=True)
            except msgspec.ValidationError as error:
                raise _explain(error, f'{source}, `sweep."{key}"` level {level!r}') from None
    return scenario


def parse_scenario(text: str, source: str = "scenario") -> Scenario:
    """Decode a scenario file's text; ``source`` is how errors name it."""
    return decode(read_raw(text, source), source)


class Overrides(msgspec.Struct, frozen=True):
    """What the command line changed in a scenario: values, levels of swept keys, budgets. Stored with the run."""

    settings: dict[str, Level] = {}
    sweeps: dict[str, tuple[Level, ...]] = {}
    budgets: tuple[str, ...] = ()
    """Budgets beside the scenario's own."""

    def apply(self, raw: Raw, source: str) -> Raw:
        """Return a copy of the raw scenario with the changes made; a key that is set is no longer swept."""
        changed = override(raw, self.settings, source)
        _check_shape(changed, source)
        kept = {key: levels for key, levels in changed.get("sweep", {}).items() if key not in self.settings}
        changed["sweep"] = {**kept, **{key: list(levels) for key, levels in self.sweeps.items()}}
        if self.budgets:
            changed["budgets"] = [*changed.get("budgets", []), *self.budgets]
        return changed

    def then(self, later: Overrides) -> Overrides:
        """Join two; the later one wins."""
        sweeps = {key: levels for key, levels in self.sweeps.items() if key not in later.settings}
        settings = {key: level for key, level in self.settings.items() if key not in later.sweeps}
        budgets = (*self.budgets, *later.budgets)
        return Overrides({**settings, **later.settings}, {**sweeps, **later.sweeps}, budgets)


QUICK = {"run.replicates": 3, "run.warmup": "500ms", "run.window": "1s"}
"""What ``--quick`` changes where the scenario's ``[quick]`` table does not say otherwise."""


def quick_overrides(raw: Raw) -> Overrides:
    """Return what ``--quick`` changes: fewer replicates, shorter windows, and what the scenario's ``[quick]`` adds."""
    chosen = {**QUICK, **raw.get("quick", {})}
    prefix = "sweep."
    return Overrides(
        {key: value for key, value in chosen.items() if not key.startswith(prefix)},
        {
            key.removeprefix(prefix): tuple(value) if isinstance(value, list | tuple) else (value,)
            for key, value in chosen.items()
            if key.startswith(prefix)
        },
    )
