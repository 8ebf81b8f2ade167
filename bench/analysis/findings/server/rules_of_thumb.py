"""server-settings: what the formulas for this hardware would set otherwise, without evidence that it matters.

Trigger: a value of ``bench config postgresql`` for the machine of the run differs from the one in force. The formulas
know the hardware only, so this is one list for a reader, a rule of thumb, and no candidate of a tuning. Settings that
a finding with evidence speaks of are left to it.
Source: ``bench.analysis.configuration.postgresql`` with the sources named there (PostgreSQL documentation, pgtune).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.configuration.in_force import as_written, in_force
from bench.analysis.configuration.postgresql import recommend_postgresql
from bench.analysis.configuration.setting import RULE_OF_THUMB, same_value
from bench.analysis.explain import parse_plan
from bench.analysis.findings.server import shared_buffers, spilled_statements, wal_size
from bench.analysis.measurement import Finding, Patch
from bench.analysis.plan_tree import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.analysis.configuration.setting import Setting
    from bench.analysis.findings.context import Context

RULE = "server-settings"
_WITH_EVIDENCE = (
    (shared_buffers.find, {"shared_buffers"}),
    (wal_size.find, {"min_wal_size", "max_wal_size"}),
    (spilled_statements.find, {"work_mem"}),
)
_OF_POOLS = ("max_connections",)
"""Settings that follow from the pools: PO04 speaks of them."""


def find(context: Context) -> list[Finding]:
    """List the values that differ, with formula, inputs and source of each."""
    if context.inputs is None or not context.run.settings:
        return []
    spoken_of = _of_plans(context).union(*(names for rule, names in _WITH_EVIDENCE if rule(context)))
    settings = [
        setting
        for setting in recommend_postgresql(context.inputs).settings
        if setting.name not in (*spoken_of, *_OF_POOLS) and _differs(setting, context.run.settings)
    ]
    if not settings:
        return []
    values = {setting.name: in_force(context.run.settings, setting.name) for setting in settings}
    return [
        Finding(
            rule=RULE,
            severity="info",
            status=RULE_OF_THUMB,
            summary=f"{len(settings)} server settings are not what the formulas for this hardware give; "
            "nothing in this run shows that they matter",
            evidence={
                setting.name: f"{values[setting.name] or 'its default'} now, {setting.value} by {setting.formula} "
                f"({', '.join(f'{name} {value}' for name, value in setting.inputs.items())}; {setting.source})"
                for setting in settings
            },
            remedy="Leave them until a finding with evidence asks for one; `bench config postgresql` prints them all.",
            source="PostgreSQL documentation, chapter 20; pgtune (https://github.com/le0pard/pgtune)",
            patch=Patch(
                kind="postgresql.conf",
                text="".join(f"{setting.name} = '{setting.value}'\n" for setting in settings),
                rollback="".join(
                    f"{name} = '{as_written(value)}'\n" if value else f"# {name}: its default\n"
                    for name, value in values.items()
                ),
            ),
        )
    ]


def _of_plans(context: Context) -> set[str]:
    """Return the settings that recorded plans give evidence about."""
    trees = [parse_plan(fact.document) for fact in context.plans]
    found = {"jit"} if any(tree.jit_ms for tree in trees) else set()
    if any(node.buffers and node.buffers.temp_written for tree in trees for node in walk(tree)):
        found.add("work_mem")
    return found


def _differs(setting: Setting, settings: Mapping[str, str]) -> bool:
    """Tell whether another value is in force; one that nobody knows counts as the same."""
    text = in_force(settings, setting.name)
    if text is None:
        return False
    value, _, unit = text.partition(" ")
    return not same_value(setting.value, value, unit or None)
