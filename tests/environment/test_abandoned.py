"""What servers left outside a checkout goes when the checkout is gone, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.environment import state
from bench.environment.abandoned import remove_abandoned
from bench.environment.account import ourselves
from bench.environment.state import outside_place, server_place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def outside(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = open_folder / "outside"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    monkeypatch.setattr(state, "OUTSIDE", folder)
    monkeypatch.setattr(state, "can_reach", lambda path, _: path.is_relative_to(folder))
    return folder


def _place(root: Path) -> Path:
    """Make a state folder, and what lies outside for it where the servers' account cannot reach it."""
    root.mkdir(mode=0o700, parents=True)
    place = server_place(root, ourselves())
    (place / "pg18").mkdir()
    return place


def test_only_folders_of_checkouts_that_are_gone_are_removed(outside: Path, open_folder: Path) -> None:
    kept, gone = _place(open_folder / "kept" / ".bench"), _place(open_folder / "gone" / ".bench")
    assert {kept.parent, gone.parent} == {outside}
    (open_folder / "gone" / ".bench").rmdir()
    assert remove_abandoned() == ([gone], [])
    assert (kept / "pg18").is_dir()
    assert not gone.exists()


def test_what_does_not_tell_whose_it_is_stays_unless_it_is_empty(outside: Path, open_folder: Path) -> None:
    silent, empty = outside_place(open_folder / "a"), outside_place(open_folder / "b")
    (silent / "pg18").mkdir(parents=True)
    empty.mkdir()
    assert remove_abandoned() == ([empty], [silent])
    assert (silent / "pg18").is_dir()
    assert list(outside.iterdir()) == [silent]


def test_a_link_under_such_a_name_leads_nowhere(outside: Path, open_folder: Path) -> None:
    elsewhere = open_folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    outside_place(open_folder / "c").symlink_to(elsewhere)
    assert outside.is_dir()
    assert remove_abandoned() == ([], [])
    assert (elsewhere / "precious").read_text() == "x"


def test_a_folder_that_claims_another_checkout_is_nobodys(outside: Path, open_folder: Path) -> None:
    """Its name is made from the state folder: one that was copied or renamed has no checkout to come back to it."""
    place = _place(open_folder / "kept" / ".bench")
    copied = place.with_name(f"{place.name[:-4]}0000")
    place.rename(copied)
    assert outside.is_dir()
    assert remove_abandoned() == ([copied], [])
