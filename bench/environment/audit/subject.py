"""What is audited: an Alembic environment and the scratch databases made from it, each thing worked out once."""

from __future__ import annotations

import contextlib
import tomllib
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

from bench.environment.audit.catalogue import read_catalogue
from bench.environment.audit.claim import Unprovable
from bench.environment.audit.generate import fill
from bench.environment.audit.graph import read_graph
from bench.environment.audit.ladder import climb
from bench.environment.audit.provoke import Provoker
from bench.environment.audit.rows import Writer
from bench.environment.audit.session import opened, rolled_back
from bench.environment.audit.steps import StepFailed, Steps
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from bench.environment.audit.catalogue import Catalogue
    from bench.environment.audit.generate import Filled, Recipes
    from bench.environment.audit.graph import Graph, Revision
    from bench.environment.audit.ladder import Rung
    from bench.environment.audit.provoke import Provocation
    from bench.environment.audit.rows import Connection
    from bench.environment.audit.scratch import Scratch
    from bench.model.endpoint import Endpoint


def shipped_text(name: str) -> str:
    """Return a file about the shipped schema."""
    return (resources.files("bench.environment.audit") / "shipped" / name).read_text("utf-8")


def shipped_facts(name: str) -> dict[str, Any]:
    """Return what is written down about the shipped schema."""
    return tomllib.loads(shipped_text(f"{name}.toml"))


def missing(section: str, present: Collection[tuple[str, str]], problem: str) -> list[Fault]:
    """Name what the shipped schema is to hold by table and name, and does not."""
    return [
        Fault(f"{table}.{name}", problem, "Restore it, or take it off inventory.toml on purpose.")
        for table, names in shipped_facts("inventory")[section].items()
        for name in names
        if (table, name) not in present
    ]


class Subject:
    """One environment under audit. ``recipes`` give what cannot be guessed of valid rows."""

    def __init__(
        self, location: Path, scratch: Scratch, *, shipped: bool, recipes: Recipes, note: Callable[[str], None]
    ) -> None:
        self.location = location
        self.shipped = shipped
        self.note = note
        self.notes: list[str] = []
        """What was left out, and why: printed and stored."""
        self.steps = Steps(location)
        self._scratch = scratch
        self._recipes = recipes

    @cached_property
    def graph(self) -> Graph:
        """The revisions as the files tell them."""
        return read_graph(self.location)

    @cached_property
    def revisions(self) -> Sequence[Revision]:
        """The revisions, parents first; ``Unprovable`` where they have no order."""
        ordered, lost = self.graph.ordered()
        if self.graph.duplicates() or self.graph.gaps() or lost:
            raise Unprovable(
                "the revisions have no order, so none of them can be run", remedy="Mend the graph first: see S01."
            )
        return ordered

    @cached_property
    def _climbed(self) -> tuple[list[Rung], Endpoint | None]:
        revisions = self.revisions
        with self._scratch.watching_roles():
            return climb(revisions, self.steps, self._scratch, self.note)

    @property
    def ladder(self) -> Sequence[Rung]:
        """Up, down and up again for each revision, as far as it goes."""
        return self._climbed[0]

    @cached_property
    def head(self) -> Endpoint:
        """A database at the newest revision, without rows of ours; ``Unprovable`` where it cannot be reached."""
        revisions = self.revisions
        if "_climbed" in self.__dict__ and self._climbed[1] is not None:
            return self._climbed[1]
        self.note("upgrading a scratch database")
        database = self._scratch.create()
        with self._scratch.watching_roles():
            for revision in revisions:
                try:
                    self.steps.up(database, revision.id)
                except StepFailed as failure:
                    raise Unprovable(
                        f"revision {revision.id} cannot be applied: {failure}",
                        remedy="Mend the revision: see S02.",
                        subject=revision.id,
                    ) from None
        return database

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue at the newest revision."""
        return read_catalogue(self.head)

    @cached_property
    def writer(self) -> Writer:
        """Writes rows of this schema."""
        return Writer(self.catalogue)

    def copy(self) -> Endpoint:
        """Make another database at the newest revision."""
        return self._scratch.create(self.head)

    @cached_property
    def _filled(self) -> tuple[Endpoint, Filled]:
        catalogue = self.catalogue
        database = self.copy()
        with opened(database) as connection:
            self.note("one valid row for every table")
            return database, fill(connection, catalogue, self.writer, self._recipes)

    @property
    def filled(self) -> Filled:
        """The valid rows, by table."""
        return self._filled[1]

    @contextlib.contextmanager
    def playground(self) -> Iterator[Connection]:
        """Connect to the database with a valid row a table; everything is undone at the end."""
        with opened(self._filled[0]) as connection, rolled_back(connection):
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            yield connection

    @property
    def playground_endpoint(self) -> Endpoint:
        """Where that database is, for a connection of its own."""
        return self._filled[0]

    @cached_property
    def provocations(self) -> Sequence[Provocation]:
        """One violation of every rule in the catalogue."""
        with self.playground() as connection:
            self.note("a violation of every rule")
            return list(Provoker(connection, self.catalogue, self.writer, self.filled.rows).all())

    @cached_property
    def populated(self) -> Endpoint:
        """A database with a few thousand rows a table and fresh statistics, so that the planner has a choice."""
        database = self.copy()
        self.note("a few thousand rows, analysed")
        with opened(database) as connection:
            connection.execute(shipped_text("population.sql").encode())
            connection.execute("VACUUM (ANALYZE)")
        return database
