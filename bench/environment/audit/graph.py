"""The revisions as they stand in the files, read without running them: a broken chain must still be describable."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Revision:
    """One file. ``upgrade`` and ``downgrade`` say what keeps the function from being a real one, None if nothing."""

    id: str
    parents: tuple[str, ...]
    file: str
    title: str
    upgrade: str | None
    downgrade: str | None


@dataclass(frozen=True, slots=True)
class Graph:
    """All revisions, in the order of their files."""

    revisions: tuple[Revision, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id, as often as it was given."""
        return tuple(revision.id for revision in self.revisions)

    def bases(self) -> list[str]:
        """Return the revisions that follow none."""
        return [revision.id for revision in self.revisions if not revision.parents]

    def heads(self) -> list[str]:
        """Return the revisions that none follows."""
        followed = {parent for revision in self.revisions for parent in revision.parents}
        return [revision.id for revision in self.revisions if revision.id not in followed]

    def children(self, parent: str) -> list[str]:
        """Return the revisions that follow one."""
        return [revision.id for revision in self.revisions if parent in revision.parents]

    def duplicates(self) -> dict[str, list[str]]:
        """Return ids given more than once, with their files."""
        files: dict[str, list[str]] = {}
        for revision in self.revisions:
            files.setdefault(revision.id, []).append(revision.file)
        return {name: found for name, found in files.items() if len(found) > 1}

    def gaps(self) -> dict[str, str]:
        """Return parents that no file defines, with the revision that names them."""
        known = set(self.ids)
        return {
            parent: revision.id for revision in self.revisions for parent in revision.parents if parent not in known
        }

    def ordered(self) -> tuple[list[Revision], list[str]]:
        """Return the revisions parents first, and the ids of those a cycle or a gap keeps from having a place."""
        rest = {revision.id: revision for revision in self.revisions}
        placed: dict[str, Revision] = {}
        while ready := [each for each in rest.values() if all(parent in placed for parent in each.parents)]:
            for revision in ready:
                placed[revision.id] = rest.pop(revision.id)
        return list(placed.values()), list(rest)


def read_graph(location: Path) -> Graph:
    """Read ``versions/*.py`` of an Alembic environment; raises ``SetupError`` where there is none."""
    folder = location / "versions"
    if not (location / "env.py").is_file() or not folder.is_dir():
        raise SetupError(
            f"{location} is not an Alembic environment",
            evidence="it holds no env.py, or no folder `versions`",
            remedy="Name the folder that `script_location` of alembic.ini or pyproject.toml names.",
        )
    found = [revision for file in sorted(folder.rglob("*.py")) if (revision := _read(file)) is not None]
    if not found:
        raise SetupError(f"{folder} holds no revision", remedy="Name the folder that holds the environment.")
    return Graph(tuple(found))


def _read(file: Path) -> Revision | None:
    """Return the revision of a file, None for a module that is none."""
    try:
        tree = ast.parse(file.read_text("utf-8"), str(file))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SetupError(f"{file} cannot be read: {error}", remedy="Correct the file.") from None
    values = dict(_assignments(tree.body))
    if not isinstance(values.get("revision"), str):
        return None
    down = values.get("down_revision")
    parents = (down,) if isinstance(down, str) else tuple(down) if isinstance(down, (tuple, list)) else ()
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    return Revision(
        id=str(values["revision"]),
        parents=parents,
        file=file.name,
        title=(ast.get_docstring(tree) or "").partition("\n")[0],
        upgrade=_emptiness("upgrade", functions),
        downgrade=_emptiness("downgrade", functions),
    )


def _assignments(body: Iterable[ast.stmt]) -> Iterable[tuple[str, object]]:
    for node in body:
        target: ast.expr | None = None
        value: ast.expr | None = None
        if isinstance(node, ast.AnnAssign):
            target, value = node.target, node.value
        elif isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        if isinstance(target, ast.Name) and value is not None:
            try:
                yield target.id, ast.literal_eval(value)
            except ValueError:
                continue


def _emptiness(name: str, functions: dict[str, ast.FunctionDef]) -> str | None:
    """Say why a function does nothing; None if it does something."""
    function = functions.get(name)
    if function is None:
        return f"has no {name}()"
    real = [
        node
        for node in function.body
        if not isinstance(node, ast.Pass) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    if not real:
        return f"{name}() is empty"
    if len(real) == 1 and isinstance(real[0], ast.Raise):
        return f"{name}() only raises an error"
    return None
