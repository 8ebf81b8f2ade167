"""Break the shipped schema in one place at a time: the claim that speaks of it fails, and names the place."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from bench.environment import migrations
from bench.environment.audit.run import audit
from tests.environment.audit.mutations import MUTATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment
    from tests.environment.audit.mutations import Mutation

pytestmark = [pytest.mark.pg, pytest.mark.slow]


def _mutate(folder: Path, edit: tuple[str, str, str]) -> None:
    """Replace what the pattern finds, which must be there exactly once."""
    name, pattern, replacement = edit
    (path,) = folder.glob(name)
    changed, count = re.subn(pattern, replacement, path.read_text("utf-8"), flags=re.DOTALL if "*?" in pattern else 0)
    assert count == 1, f"{name} holds {count} of {pattern}"
    path.write_text(changed, "utf-8")


ALONE = {"S01", "S02", "S03"}
"""Claims of the revisions as a whole: what breaks one of these may keep the others from being tried."""


def _places(mutation: Mutation) -> set[tuple[str, int]]:
    """Return each character of the shipped schema that a mutation touches, by file and offset."""
    touched = set()
    for name, pattern, _ in mutation.edits:
        (path,) = migrations.script_location().glob(name)
        for found in re.finditer(pattern, path.read_text("utf-8"), flags=re.DOTALL if "*?" in pattern else 0):
            touched |= {(path.name, offset) for offset in range(*found.span())}
    return touched


def _together(mutations: list[Mutation]) -> list[list[Mutation]]:
    """Put mutations of different claims and places into one schema: most of the time goes into migrating it."""
    groups: list[list[Mutation]] = []
    for mutation in mutations:
        group = next((group for group in groups if _go_together(mutation, group)), None)
        if group is None:
            groups.append([mutation])
        else:
            group.append(mutation)
    return groups


def _go_together(mutation: Mutation, group: list[Mutation]) -> bool:
    claims = {claim for one in group for claim in one.fails}
    places = {place for one in group for place in _places(one)}
    return not (claims | mutation.fails.keys()) & ALONE and not (
        claims & mutation.fails.keys() or places & _places(mutation)
    )


@pytest.mark.parametrize(
    "mutations",
    _together(MUTATIONS),
    ids=lambda group: group[0].name if len(group) == 1 else f"{len(group)} of them, {group[0].name} first",
)
def test_each_mutation_fails_its_claim_and_is_named(
    mutations: list[Mutation], environment: Environment, tmp_path: Path
) -> None:
    folder = tmp_path / "schema"
    shutil.copytree(migrations.script_location(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    for mutation in mutations:
        for edit in mutation.edits:
            _mutate(folder, edit)
    fails = {claim: subject for mutation in mutations for claim, subject in mutation.fails.items()}
    ledger = audit(environment.admin, lambda _: None, location=folder, shipped=True, only=fails)
    assert {claim.id: claim.verdict for claim in ledger.claims} == dict.fromkeys(fails, "fail")
    for claim in ledger.claims:
        named = {fault.subject: fault.problem for fault in claim.faults}
        assert fails[claim.id] in named
        assert not any(problem.startswith("revision ") for problem in named.values()), named
        assert all(fault.remedy for fault in claim.faults)


def test_there_is_a_mutation_for_every_claim() -> None:
    assert {claim for mutation in MUTATIONS for claim in mutation.fails} == {f"S{number:02}" for number in range(1, 23)}
