"""The graph of revisions is read from the files, however broken it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.environment import migrations
from bench.environment.audit.claims.s01_linear_chain import claim
from bench.environment.audit.graph import read_graph
from bench.environment.audit.steps import Steps
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path


class _Files:
    """What S01 looks at of a subject."""

    def __init__(self, location: Path, *, shipped: bool = False) -> None:
        self.graph = read_graph(location)
        self.steps = Steps(location)
        self.shipped = shipped


def _write(folder: Path, *revisions: tuple[str, object], body: str = "    op.execute('x')") -> Path:
    (folder / "versions").mkdir()
    (folder / "env.py").write_text("")
    for number, (name, down) in enumerate(revisions):
        (folder / "versions" / f"{number}.py").write_text(
            f"revision = {name!r}\ndown_revision = {down!r}\ndef upgrade():\n{body}\ndef downgrade():\n{body}\n"
        )
    return folder


def _problems(folder: Path) -> dict[str, str]:
    return {fault.subject: fault.problem for fault in claim.prove(_Files(folder)).faults}  # type: ignore[arg-type]  # the graph is all it uses


def test_the_shipped_chain_has_seven_links() -> None:
    proof = claim.prove(_Files(migrations.script_location(), shipped=True))  # type: ignore[arg-type]  # as above
    assert proof.faults == []
    assert "001 → 002 → 003 → 004 → 005 → 006 → 007" in proof.summary


def test_a_straight_chain_has_no_fault(tmp_path: Path) -> None:
    assert _problems(_write(tmp_path, ("a", None), ("b", "a"), ("c", ("b",)))) == {}


@pytest.mark.parametrize(
    ("revisions", "subject", "words"),
    [
        ([("a", None), ("b", "a"), ("c", "a")], "a", "branches here into b and c; heads: b, c"),
        ([("a", None), ("b", "a"), ("b", "a")], "b", "the id is given by 1.py and 2.py"),
        ([("a", None), ("c", "b")], "c", "it follows b, which no file defines"),
        ([("a", None), ("b", "c"), ("c", "b")], "b", "it follows itself by way of others"),
        ([("a", None), ("b", None)], "a, b", "there are several beginnings"),
        ([("a", None), ("b", "a"), ("c", "a"), ("d", ("b", "c"))], "d", "it joins b and c"),
    ],
)
def test_each_way_to_break_the_chain_is_named(
    revisions: list[tuple[str, object]], subject: str, words: str, tmp_path: Path
) -> None:
    assert words in _problems(_write(tmp_path, *revisions))[subject]


@pytest.mark.parametrize(
    ("body", "emptiness"),
    [
        ("    pass", "downgrade() is empty"),
        ('    """Goes back."""', "downgrade() is empty"),
        ("    ...", "downgrade() is empty"),
        ("    raise NotImplementedError", "downgrade() only raises an error"),
        ("    op.drop_table('x')", None),
    ],
)
def test_a_function_that_does_nothing_is_told_from_a_real_one(body: str, emptiness: str | None, tmp_path: Path) -> None:
    (revision,) = read_graph(_write(tmp_path, ("a", None), body=body)).revisions
    assert revision.downgrade == emptiness


def test_annotated_assignments_and_other_modules_are_understood(tmp_path: Path) -> None:
    """Alembic's newer template annotates its variables; a helper beside the revisions is none."""
    _write(tmp_path, ("a", None))
    (tmp_path / "versions" / "b.py").write_text(
        "from typing import Sequence\nrevision: str = 'b'\ndown_revision: str | Sequence[str] | None = 'a'\n"
    )
    (tmp_path / "versions" / "shared.py").write_text("COLUMNS = 3\n")
    graph = read_graph(tmp_path)
    assert graph.ids == ("a", "b")
    assert graph.revisions[1].downgrade == "has no downgrade()"


@pytest.mark.parametrize("present", [(), ("env.py",)])
def test_a_folder_that_is_no_environment_is_refused(present: tuple[str, ...], tmp_path: Path) -> None:
    for name in present:
        (tmp_path / name).write_text("")
    with pytest.raises(SetupError, match="is not an Alembic environment"):
        read_graph(tmp_path)


def test_a_revision_that_is_no_python_is_refused_by_name(tmp_path: Path) -> None:
    _write(tmp_path, ("a", None))
    (tmp_path / "versions" / "broken.py").write_text("revision = ")
    with pytest.raises(SetupError, match=r"broken\.py cannot be read"):
        read_graph(tmp_path)
