"""Which changes may help? Those that findings carry as patches, and what the scenario itself leaves open."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.configuration.setting import RULE_OF_THUMB
from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.tuning.candidate import Candidate, NotTried
from bench.analysis.tuning.patches import read_patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.analysis.measurement import Finding, Patch
    from bench.model.change import Change

_SEVERITIES = ("high", "warning", "info")
LIMITS = frozenset({"max_connections", "max_client_conn", "query_wait_timeout"})
"""Settings that refuse or give up something: no response time shows them before they are reached."""


class Idea(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that has no name yet, or the reason why it cannot be one. Smaller ``rank`` is tried first."""

    rank: int
    candidate: Candidate


def from_findings(findings: Iterable[Finding]) -> tuple[list[Idea], list[NotTried]]:
    """Take up every finding that carries a patch which can be applied."""
    ideas, refused = [], []
    for finding in findings:
        if finding.patch is None:
            continue
        try:
            change = read_patch(finding.patch)
        except ValueError as error:
            refused.append(NotTried(title=f"{finding.rule}: {finding.summary}", reason=str(error)))
            continue
        if reason := _not_worth_trying(finding, change):
            refused.append(NotTried(title=title_of(change), reason=reason))
            continue
        operation = finding.evidence.get("operation")
        ideas.append(
            Idea(
                rank=_SEVERITIES.index(finding.severity),
                candidate=Candidate(
                    id="",
                    title=title_of(change),
                    rule=finding.rule,
                    why=finding.summary,
                    source=finding.source,
                    change=change,
                    patch=finding.patch,
                    operation=operation if isinstance(operation, str) else ALL_OPERATIONS,
                    caution=finding.remedy,
                ),
            )
        )
    return ideas, refused


def _not_worth_trying(finding: Finding, change: Change) -> str | None:
    """Say why pairs of trials could not tell anything about a patch, or would only cost time."""
    settings = change.pooler.keys() | change.server.keys()
    if settings and settings <= LIMITS:
        return "a limit: it changes no response time until it is reached"
    if settings and finding.status == RULE_OF_THUMB:
        return "a rule of thumb: nothing in this run shows that it matters"
    return None


def title_of(change: Change) -> str:
    """Name a change by what it sets: ``pool.size = 8``."""
    named = [
        f"{key} = {value}" for part in (change.scenario, change.pooler, change.server) for key, value in part.items()
    ]
    return "; ".join([*named, *(" ".join(statement.split()) for statement in change.sql)])


def make_idea(  # noqa: PLR0913, PLR0917 - the parts of a candidate, most of them text
    rank: int,
    title: str,
    rule: str,
    why: str,
    source: str,
    change: Change,
    patch: Patch,
    operation: str,
    caution: str = "",
) -> Idea:
    """Return an idea for one operation."""
    return Idea(
        rank=rank,
        candidate=Candidate(
            id="",
            title=title,
            rule=rule,
            why=why,
            source=source,
            change=change,
            patch=patch,
            operation=operation,
            caution=caution,
        ),
    )


def single_out(ideas: Iterable[Idea], patterns: Sequence[str]) -> tuple[list[Idea], list[NotTried]]:
    """Keep the ideas whose title matches one of the patterns, which may hold ``*``; all where there is none."""
    kept, left = [], []
    for idea in ideas:
        title = idea.candidate.title
        if not patterns or any(fnmatchcase(title, f"*{pattern}*") for pattern in patterns):
            kept.append(idea)
        else:
            left.append(NotTried(title=title, reason="left out by `--only`"))
    return kept, left


def enlist(
    ideas: Iterable[Idea], changes_nothing: Callable[[Change], bool], refuses: Callable[[Change], str | None]
) -> tuple[tuple[Candidate, ...], tuple[NotTried, ...]]:
    """Name the candidates ``c01``, ``c02``, … in the order in which to try them.

    Of two ideas for the same change the first one stays. ``changes_nothing`` tells what is in force already;
    ``refuses`` says why a change may not be made here.
    """
    chosen: list[Candidate] = []
    refused: list[NotTried] = []
    for idea in sorted(ideas, key=lambda idea: idea.rank):
        change = idea.candidate.change
        if not change.slots or changes_nothing(change) or any(known.change == change for known in chosen):
            continue
        if reason := refuses(change):
            refused.append(NotTried(title=idea.candidate.title, reason=reason))
        else:
            chosen.append(msgspec.structs.replace(idea.candidate, id=f"c{len(chosen) + 1:02d}"))
    return tuple(chosen), tuple(refused)
