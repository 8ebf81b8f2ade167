"""`bench explain`, and the plans of every run: each operation from every viewpoint, custom, generic and as chosen."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.analysis.explain import parse_plan
from bench.analysis.findings.plans import find_in_plans
from bench.analysis.index_use import tables_touched, tabulate_indexes
from bench.analysis.plan_tree import fingerprint
from bench.analysis.wording import count
from bench.design.parameters import draw
from bench.environment.attached import reach_owner
from bench.environment.indexes import read_indexes
from bench.environment.plans import Captured, Viewpoint, explain, explain_automatic
from bench.environment.populations import read_populations
from bench.environment.safeguard import READ_ONLY, STATEMENT_TIMEOUT, guarded
from bench.environment.viewpoints import choose_viewpoints, read_surroundings
from bench.experiment.ground import Ground
from bench.experiment.target import open_target
from bench.model.errors import ScenarioError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.index_use import IndexUse
    from bench.analysis.measurement import Finding
    from bench.analysis.tuning.write_cost import WriteCost
    from bench.design.parameters import Populations
    from bench.environment.attached import Attachment
    from bench.environment.embedded import Environment, Where
    from bench.experiment.progress import Progress
    from bench.experiment.target import Target
    from bench.model.endpoint import Endpoint
    from bench.model.facts import PlanFact
    from bench.model.indexes import IndexFact
    from bench.model.scenario import Dataset, Operation, Scenario

ARGUMENT_SETS = 3
"""Sets of values for each operation, drawn as the load draws them."""
SLOW_MS = 1000.0
"""An operation that takes longer is explained with one set: it is executed some twenty times."""
_LOAD = Viewpoint("app", load=True)


def capture_plans(target: Target, scenario: Scenario, populations: Populations) -> Captured:
    """Explain every operation; raises ``ScenarioError`` for one that the server does not understand.

    The load's own plans come with the clock of each node; all others are compared by buffers and shape, without it.
    """
    generator = np.random.default_rng(scenario.run.seed)
    captured = Captured()
    for operation in scenario.operation:
        captured.add(_capture(target, operation, populations, generator))
    return captured


def _capture(
    target: Target, operation: Operation, populations: Populations, generator: np.random.Generator
) -> Captured:
    arguments = draw(operation.parameters, populations, ARGUMENT_SETS, generator)
    captured = explain(target.direct, operation, arguments[:1], _LOAD)
    if captured.timed_out:
        return captured
    took_ms = sum(parse_plan(fact.document).execution_ms or 0.0 for fact in captured.facts)
    if took_ms > SLOW_MS:
        arguments = arguments[:1]
        captured.caveats.append(_slow(operation.name, took_ms))
    else:
        captured = explain(target.direct, operation, arguments, _LOAD)
    captured.add(explain(target.direct, operation, arguments, _LOAD, kind="generic", timing=False))
    captured.add(explain_automatic(target.direct, operation, arguments, _LOAD))
    views, caveats = choose_viewpoints(read_surroundings(target.admin, tables_touched(captured.facts)))
    captured.add(Captured(caveats=caveats))
    for view in views:
        timeouts = tuple(pair for pair in target.direct.session if pair[0] == STATEMENT_TIMEOUT)
        endpoint = guarded(target.admin, timeouts) if view.set_role else target.direct
        captured.add(explain(endpoint, operation, arguments, view, timing=False))
    return captured


def _slow(operation: str, took_ms: float) -> Caveat:
    return Caveat(
        code="explained-once",
        text=f"{operation} took {took_ms:,.0f} ms, so it was explained with one set of arguments",
        cure="Speed it up first; plans for other arguments may differ.",
    )


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `bench explain` shows."""

    scenario: str
    facts: tuple[PlanFact, ...]
    findings: tuple[Finding, ...]
    caveats: tuple[Caveat, ...]
    indexes: tuple[IndexFact, ...]
    """All of the tables that the plans touch."""

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "scenario": self.scenario,
            "plans": [{**msgspec.to_builtins(fact), "shape": _shape(fact)} for fact in self.facts],
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
            "caveats": [msgspec.to_builtins(caveat) for caveat in self.caveats],
        }


def _shape(fact: PlanFact) -> str:
    return fingerprint(parse_plan(fact.document))


def explain_scenario(
    where: Where | Attachment | Environment,
    scenario: Scenario,
    wanted: Sequence[str],
    owner_dsn: str | None,
    progress: Progress,
) -> Explanation:
    """Explain the operations that are ``wanted``, or all; raises ``ScenarioError`` for a name there is none of.

    ``owner_dsn`` is a login that may take the role of the tables' owner, where the load's own may not.
    """
    names = [operation.name for operation in scenario.operation]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        near = difflib.get_close_matches(unknown[0], names, n=1, cutoff=0.0)[0]
        raise ScenarioError(
            f"{scenario.name} has no operation {unknown[0]!r}; did you mean {near!r}?",
            remedy=f"Use some of {', '.join(names)}.",
        )
    chosen = tuple(operation for operation in scenario.operation if not wanted or operation.name in wanted)
    asked = msgspec.structs.replace(scenario, operation=chosen)
    with open_target(where, scenario.dataset, [asked], progress) as reached:
        target = reached if owner_dsn is None else replace(reached, admin=_owner(owner_dsn, reached))
        progress.note(f"explaining {count(len(chosen), 'operation')}")
        captured = capture_plans(target, asked, read_populations(target.direct, chosen))
        caveats = (*target.caveats, *captured.caveats)
        indexes = read_indexes(target.admin, tables_touched(captured.facts))
    facts = tuple(captured.facts)
    return Explanation(
        scenario=scenario.name,
        facts=facts,
        findings=tuple(find_in_plans(facts, asked)),
        caveats=caveats,
        indexes=indexes,
    )


def _owner(dsn: str, reached: Target) -> Endpoint:
    """Return the owner's address, which may write no more than the load on a database that is not ours."""
    owner = reach_owner(dsn)
    return owner if reached.guard is None else guarded(owner, ((READ_ONLY, "on"),))


def price_indexes(where: Where, dataset: Dataset, lines: Sequence[IndexUse], progress: Progress) -> list[WriteCost]:
    """Measure what the indexes that nothing uses, or that another one covers, cost those who write."""
    idle = [line.index.name for line in lines if line.state in {"unused", "redundant"}]
    if not idle:
        return []
    with open_target(where, dataset, [], progress) as target, Ground(target, where) as ground:
        progress.note(f"measuring the write cost of {count(len(idle), 'index', 'indexes')} in a clone")
        return list(ground.index_costs(idle))


def index_matrix(explanations: Sequence[Explanation]) -> tuple[IndexUse, ...]:
    """Return which index serves which operation, over several scenarios: ``scenario/operation`` then."""
    indexes = {(one.table, one.name): one for explanation in explanations for one in explanation.indexes}
    several = len(explanations) > 1
    facts = [
        msgspec.structs.replace(fact, operation=f"{explanation.scenario}/{fact.operation}") if several else fact
        for explanation in explanations
        for fact in explanation.facts
    ]
    return tabulate_indexes(tuple(indexes.values()), facts)
