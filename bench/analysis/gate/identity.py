"""What a run was made with: two runs are comparable where everything is equal but the change under test."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import msgspec

from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bench.model.facts import HostSummary, RunFacts
    from bench.model.scenario import Level, Scenario

TREATMENT_KEYS: Mapping[str, tuple[str, ...]] = {
    "driver": ("pool.driver",),
    "pool-mode": ("pooler.kind", "pooler.mode"),
    "scale": ("dataset.scale", "dataset.seed"),
}
"""Keys of a treatment that an allowed difference takes out of its identity."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """By name of the difference, as ``--allow-difference`` takes it, what a run has there."""

    scenario: str
    machine: str
    driver: str
    pool_mode: str
    scale: str
    postgresql: str
    schema: str
    window: str
    schema_hash: str | None = None
    """None for an attached server, whose schema has a revision only."""

    def named(self) -> dict[str, str]:
        """Return the parts by the names of differences."""
        return {name: getattr(self, field) for name, field in _FIELDS.items()}


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not the same on both sides."""

    name: str
    baseline: str
    candidate: str

    def __str__(self) -> str:
        return f"{self.name}: {self.baseline}, now {self.candidate}"


_FIELDS: Mapping[str, str] = {
    name.replace("_", "-"): name for name in Identity.__struct_fields__ if name != "schema_hash"
}
NAMES = tuple(_FIELDS)
PLAN = "plan"
"""A changed query plan fails its line unless this difference is allowed too."""
ALLOWABLE = (*NAMES, PLAN)


def identify_run(
    facts: RunFacts, host: HostSummary | None, scenario: Scenario, treatments: Sequence[Mapping[str, Level]]
) -> Identity:
    """Say what a run was made with; what an attached server does not tell is ``unknown``."""
    machine = f"{host.machine} ({host.cpu_model}, {host.cores} cores)" if host else "unknown"
    modes = sorted(
        {
            _mode(
                treatment.get("pooler.kind", scenario.pooler.kind), treatment.get("pooler.mode", scenario.pooler.mode)
            )
            for treatment in treatments or [{}]
        }
    )
    drivers = {str(treatment.get("pool.driver", scenario.pool.driver)) for treatment in treatments or [{}]}
    dataset = ", ".join(
        f"{value:g}" if name == "scale" else f"{name} {value:g}" for name, value in sorted(facts.dataset.items())
    )
    return Identity(
        scenario=facts.scenario,
        machine=machine,
        driver=", ".join(sorted(drivers)),
        pool_mode=", ".join(modes),
        scale=dataset or "unknown",
        postgresql=facts.versions.get("postgresql", "unknown").split(".", 1)[0].split(" ", 1)[0],
        schema=f"revision {facts.alembic_head or 'none'}",
        window=f"{scenario.run.window} after {scenario.run.warmup}",
        schema_hash=facts.schema_hash,
    )


def _mode(kind: object, mode: object) -> str:
    return "direct" if kind == "none" else f"{kind} {mode}"


def differences(baseline: Identity, candidate: Identity) -> tuple[Difference, ...]:
    """Return what differs, in the order of the names."""
    found = []
    for name, field in _FIELDS.items():
        before, now = getattr(baseline, field), getattr(candidate, field)
        if name == "schema" and before == now and baseline.schema_hash and candidate.schema_hash:
            before, now = (
                f"{now} of migrations {digest[:12]}" for digest in (baseline.schema_hash, candidate.schema_hash)
            )
        if before != now:
            found.append(Difference(name, before, now))
    return tuple(found)


def check_allowed(names: Collection[str]) -> None:
    """Refuse a difference that does not exist; raises ``ScenarioError`` with the nearest name."""
    for name in names:
        if name not in ALLOWABLE:
            near = difflib.get_close_matches(name, ALLOWABLE, n=1, cutoff=0.0)
            raise ScenarioError(
                f"`--allow-difference {name}` names no difference",
                remedy=f"Did you mean `{near[0]}`? Use one of: {', '.join(ALLOWABLE)}.",
            )


def refuse_others(found: Sequence[Difference], allowed: Collection[str]) -> None:
    """Raise ``ScenarioError`` for differences that were not allowed."""
    refused = [difference for difference in found if difference.name not in allowed]
    if refused:
        names = ",".join(difference.name for difference in refused)
        raise ScenarioError(
            "these runs cannot be compared",
            evidence="; ".join(map(str, refused)),
            remedy=f"Run both sides alike, or name what may differ: `--allow-difference {names}`.",
        )
