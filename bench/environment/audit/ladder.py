"""Up, down and up again, one revision at a time, with the catalogue compared at every rung."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.environment.audit.fingerprint import objects, read_fingerprint
from bench.environment.audit.steps import StepFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.environment.audit.fingerprint import Facts
    from bench.environment.audit.graph import Revision
    from bench.environment.audit.scratch import Scratch
    from bench.environment.audit.steps import Steps
    from bench.model.endpoint import Endpoint

_NOTHING: Facts = frozenset()


@dataclass(frozen=True, slots=True)
class Rung:
    """What one revision did. ``broke`` is the stage and the words of what failed; nothing is known beyond it."""

    revision: Revision
    before: Facts = _NOTHING
    after: Facts = _NOTHING
    down_again: Facts | None = None
    up_again: Facts | None = None
    broke: tuple[str, str] | None = None

    @property
    def created(self) -> list[str]:
        """Objects that the upgrade adds."""
        known = {fact.key for fact in self.before}
        return objects(fact for fact in self.after - self.before if fact.key not in known)

    @property
    def left_behind(self) -> list[str]:
        """Objects that the downgrade should have dropped."""
        if self.down_again is None:
            return []
        known = {fact.key for fact in self.before if fact.kind != "row of"}
        return objects(fact for fact in self.down_again - self.before if fact.key not in known)

    @property
    def lost(self) -> list[str]:
        """Objects that were there before the upgrade and are not after the downgrade."""
        if self.down_again is None:
            return []
        known = {fact.key for fact in self.down_again if fact.kind != "row of"}
        return objects(fact for fact in self.before - self.down_again if fact.key not in known)

    @property
    def altered(self) -> list[str]:
        """Objects that are there before and after, but not as they were."""
        if self.down_again is None:
            return []
        both = {fact.key for fact in self.before - self.down_again} & {
            fact.key for fact in self.down_again - self.before
        }
        return objects(fact for fact in self.before - self.down_again if fact.key in both and fact.kind != "row of")

    @property
    def different_again(self) -> list[str]:
        """Objects that the second upgrade makes differently. Rows may hold the time and are not compared."""
        if self.up_again is None:
            return []
        return objects(fact for fact in self.after ^ self.up_again if fact.kind != "row of")


def climb(
    revisions: Sequence[Revision], steps: Steps, scratch: Scratch, note: Callable[[str], None]
) -> tuple[list[Rung], Endpoint | None]:
    """Climb to the top; returns a rung per revision tried, and the database at the top, None if it was not reached."""
    database = scratch.create()
    before = read_fingerprint(database)
    rungs: list[Rung] = []
    for number, revision in enumerate(revisions):
        note(f"revision {revision.id}: up, down, up")
        rung = _try(revision, before, steps, database)
        rungs.append(rung)
        if rung.broke and rung.broke[0] == "upgrade":
            return rungs, None
        if rung.up_again is None or rung.left_behind or rung.lost or rung.altered:
            # What follows must not stumble over what this revision left: start again from the ground.
            scratch.drop(database)
            scratch.drop_roles(fact.name for fact in (rung.down_again or _NOTHING) - rung.before if fact.kind == "role")
            database = scratch.create()
            try:
                for earlier in revisions[: number + 1]:
                    steps.up(database, earlier.id)
            except StepFailed:
                return rungs, None
            before = read_fingerprint(database)
        else:
            before = rung.up_again
    return rungs, database


def _try(revision: Revision, before: Facts, steps: Steps, database: Endpoint) -> Rung:
    stage = "upgrade"
    after = down_again = None
    try:
        steps.up(database, revision.id)
        after = read_fingerprint(database)
        stage = "downgrade"
        steps.down(database, revision.id)
        down_again = read_fingerprint(database)
        stage = "second upgrade"
        steps.up(database, revision.id)
        return Rung(revision, before, after, down_again, read_fingerprint(database))
    except StepFailed as failure:
        return Rung(revision, before, after or _NOTHING, down_again, None, (stage, str(failure)))
