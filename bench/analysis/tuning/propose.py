"""Which changes may help? Those that findings carry as patches, and what the scenario itself leaves open."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.measurement import ALL_OPERATIONS
from bench.analysis.tuning.candidate import Candidate, NotTried
from bench.analysis.tuning.patches import read_patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.analysis.measurement import Finding
    from bench.model.change import Change

_SEVERITIES = ("high", "warning", "info")


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


def title_of(change: Change) -> str:
    """Name a change by what it sets: ``pool.size = 8``."""
    named = [
        f"{key} = {value}" for part in (change.scenario, change.pooler, change.server) for key, value in part.items()
    ]
    return "; ".join([*named, *(" ".join(statement.split()) for statement in change.sql)])


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
