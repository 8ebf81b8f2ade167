from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gate.conftest import Done

    Bench = Callable[..., Done]


def test_a_baseline_is_set_listed_shown_and_removed(bench: Bench, results: Path) -> None:
    assert (
        "main is before" in bench("baseline", "set", "main", "before", "--note", "first", "--results", str(results)).out
    )
    assert bench("baseline", "set", "release/1.0", "after").code == 0
    listed = json.loads(bench("baseline", "list", "--json").out)["baselines"]
    assert [(row["name"], row["run"]) for row in listed] == [("main", "before"), ("release/1.0", "after")]
    assert "first" in bench("baseline", "show", "main").out
    assert bench("baseline", "remove", "main").code == 0
    assert bench("baseline", "show", "main").code == 2
    assert (results / "before").is_dir()


def test_what_a_person_wrote_in_the_file_is_kept(bench: Bench, results: Path) -> None:
    bench("baseline", "set", "main", "before", "--results", str(results))
    path = results / "baselines.toml"
    path.write_text(path.read_text() + "# do not touch before the release\n")
    replaced = bench("baseline", "set", "main", "after")
    assert "(was before)" in replaced.out
    assert "# do not touch before the release" in path.read_text()


@pytest.mark.parametrize("name", ["", "../main", "a b", "-x", "x" * 101])
def test_names_that_lead_elsewhere_are_refused(bench: Bench, results: Path, name: str) -> None:
    assert bench("baseline", "set", "--results", str(results), "--", name, "before").code == 2


def test_a_run_that_cannot_be_judged_becomes_no_baseline(bench: Bench, results: Path) -> None:
    (results / "after").rename(results / "after.partial")
    assert bench("baseline", "set", "main", "after").code == 3
    assert not (results / "baselines.toml").exists()


@pytest.mark.parametrize(
    "text", ["nonsense = [", 'kind = "other"', 'format = 1\nkind = "baselines"\n[baseline.main]\nrun = 3\n']
)
def test_a_damaged_file_is_named(bench: Bench, results: Path, text: str) -> None:
    (results / "baselines.toml").write_text(text)
    done = bench("gate", "after", "--baseline", "main")
    assert done.code == 3
    assert "baselines.toml is damaged" in done.err
