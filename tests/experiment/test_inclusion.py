"""A scenario that blends others, and what a run must be able to read without their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.experiment.scenario_file import read_scenario, read_text
from bench.model.errors import ScenarioError
from bench.model.scenario_text import Overrides, parse_scenario

if TYPE_CHECKING:
    from pathlib import Path

ONE = """
name = "one"
load = { model = "closed", clients = 1 }
[[operation]]
name = "a"
weight = 3
sql = "SELECT 'it''s'"
[[operation]]
name = "b"
sql = "SELECT 2"
"""
MIX = 'name = "mix"\ninclude = ["one:0.8"]\nload = { model = "closed", clients = 1 }\n'


def write(folder: Path, **texts: str) -> str:
    """Write scenario files; return the path of ``mix``."""
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return str(folder / "mix.toml")


def test_an_included_scenario_brings_its_operations_at_its_share(tmp_path: Path) -> None:
    """Weights within a scenario keep their proportion; the scenario as a whole has its share."""
    scenario = read_scenario(write(tmp_path, one=ONE, mix=MIX), Overrides(), quick=False).scenario
    assert {operation.name: operation.weight for operation in scenario.operation} == pytest.approx({"a": 0.6, "b": 0.2})


@pytest.mark.parametrize("text", [ONE, ONE.replace("'it''s'", "'''three'''"), ONE + "# naïve \\ 🙂\n"])
def test_the_text_of_a_mix_can_be_read_without_the_files_it_includes(tmp_path: Path, text: str) -> None:
    """What a run stores is complete, whatever quotes and characters the included text holds."""
    path = write(tmp_path, one=text, mix=MIX)
    whole, _ = read_text(path)
    (tmp_path / "one.toml").unlink()
    assert [operation.name for operation in parse_scenario(whole).operation] == ["a", "b"]


@pytest.mark.parametrize(
    ("mix", "one", "named"),
    [
        (MIX.replace("one:0.8", "one"), ONE, r"\$\.include.*'one'"),
        (MIX.replace("one:0.8", "one:0"), ONE, r"\$\.include.*'one:0'"),
        (MIX.replace('"one:0.8"', '"one:1", "one:2"'), ONE, "one:2"),
        (MIX.replace('["one:0.8"]', "3"), ONE, r"\$\.include.*3"),
        (MIX.replace("one:0.8", "onne:1"), ONE, "onne"),
        (MIX, ONE.replace("sql", "sqll"), "which includes one: unknown key"),
        (MIX, ONE.replace('name = "one"', 'name = "one"\ninclude = ["two:1"]'), "includes others itself"),
        (MIX + '[[operation]]\nname = "a"\nsql = "SELECT 1"\n', ONE, "share a name: a"),
    ],
)
def test_a_mix_that_cannot_be_is_refused_with_its_cause(tmp_path: Path, mix: str, one: str, named: str) -> None:
    """Misspelt shares, unknown names, broken or nested inclusions, and operations of one name."""
    path = write(tmp_path, one=one, mix=mix)
    with pytest.raises(ScenarioError, match=named):
        read_scenario(path, Overrides(), quick=False)


def test_text_that_includes_what_did_not_come_with_it_is_refused() -> None:
    """Text alone cannot read files, so it says so instead of running a part of the mix."""
    with pytest.raises(ScenarioError, match="'one', which was not read with it"):
        parse_scenario(MIX)
