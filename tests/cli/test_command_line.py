"""Every command has an example and --json, every name is completed, and a misspelt one is told with the nearest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.shell_completion import ShellComplete

from bench.cli import COMMANDS, cli
from bench.cli.completion import SHELLS, VARIABLE
from bench.cli.rarity import warn_of_rare
from bench.experiment.scenario_file import read_scenario
from bench.model.errors import BenchError
from bench.model.scenario_text import Overrides

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]


def walk(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group by its words."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, (*words, name))


TREE = dict(walk(cli))
LEAVES = {words: command for words, command in TREE.items() if not isinstance(command, click.Group)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run and a baseline."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CHECKOUT / "results" / "audit-headline", tmp_path / "results" / "audit-headline")
    (tmp_path / "results" / "baselines.toml").write_text(
        'format = 1\nkind = "baselines"\n[baseline.main]\nrun = "audit-headline"\nscenario = "audit"\n'
        'commit = "0"\nset_utc = "2026-01-01T00:00:00+00:00"\n'
    )
    return tmp_path


@pytest.mark.parametrize("words", TREE, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    command = TREE[words]
    text = command.get_help(click.Context(command, info_name=" ".join(("bench", *words))))
    _, found, example = text.partition("Example")
    assert found, text
    assert " ".join(("bench", *words)).strip() in example


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_prints_json(words: tuple[str, ...]) -> None:
    assert "--json" in {option for parameter in LEAVES[words].params for option in parameter.opts}


def _proposed(*arguments: str, incomplete: str = "") -> list[str]:
    return [item.value for item in ShellComplete(cli, {}, "bench", VARIABLE).get_completions([*arguments], incomplete)]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "incomplete", "expected"),
    [
        ([], "ba", "baseline"),
        (["baseline"], "sh", "show"),
        (["run"], "rating_l", "rating_lookup"),
        (["explain", "rating_lookup"], "vehi", "vehicle_search"),
        (["run", "--resume"], "aud", "audit-headline"),
        (["report"], "lat", "latest"),
        (["analyse"], "aud", "audit-headline"),
        (["gate", "latest", "--baseline"], "m", "main"),
        (["gate"], "production", "production_mix"),
        (["baseline", "show"], "", "main"),
        (["compare"], "ma", "main"),
        (["compare", "main"], "audit", "audit-headline"),
        (["config"], "pgb", "pgbouncer"),
        (["run"], "--adap", "--adaptive"),
        (["completion"], "f", "fish"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_names_are_completed(arguments: list[str], incomplete: str, expected: str) -> None:
    assert expected in _proposed(*arguments, incomplete=incomplete)


def test_runs_are_looked_for_where_the_user_says(folder: Path) -> None:
    (folder / "results").rename(folder / "elsewhere")
    assert _proposed("analyse", incomplete="audit") == []
    assert _proposed("analyse", "--results", "elsewhere", incomplete="audit") == ["audit-headline"]
    assert _proposed("gate", "--results", "elsewhere", "x", "--baseline", incomplete="m") == ["main"]


def test_a_damaged_file_proposes_nothing_and_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "results" / "baselines.toml").write_text("[[[")
    assert _proposed("baseline", "show") == []
    assert capfd.readouterr() == ("", "")


def _run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), **variables}
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def test_proposing_commands_imports_none_of_them() -> None:
    """A shell waits for the answer, and numpy takes a while."""
    code = (
        "import sys; from click.shell_completion import ShellComplete; from bench.cli import cli\n"
        f"assert ShellComplete(cli, {{}}, 'bench', '{VARIABLE}').get_completions([], 'ru')\n"
        "assert 'numpy' not in sys.modules and 'bench.cli.run' not in sys.modules\n"
        "import bench.cli.run\n"
        "assert 'scipy.stats' not in sys.modules, 'a mistake in the arguments must not wait for statistics'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, check=False, timeout=60
    )
    assert done.returncode == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_asks_this_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["completion", shell, "--json"], standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    assert document["shell"] == shell
    assert f"{VARIABLE}={shell}_complete" in document["script"]


def test_bash_itself_completes(tmp_path: Path) -> None:
    """The printed script is evaluated by a real bash, which then asks as it would at a keystroke."""
    program = tmp_path / "bench"
    program.write_text(
        f"#!{sys.executable}\nimport sys; sys.path.insert(0, {str(CHECKOUT)!r})\nfrom bench.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    script = (
        'eval "$(bench completion bash)"; COMP_WORDS=(bench comp); COMP_CWORD=1; COMPREPLY=(); '
        '_bench_completion bench; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["compare", "completion"], done.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["rnu"], "run"),
        (["basline"], "baseline"),
        (["schema", "audti"], "audit"),
        (["baseline", "lst"], "list"),
        (["run", "rating_lookup", "--replicats", "3"], "--replicates"),
        (["plan", "rating_lokup"], "rating_lookup"),
        (["plan", "rating_lookup", "--set", "pool.sise=3"], "size"),
        (["analyse", "audit-headlime"], "audit-headline"),
        (["report", "audit-headlime"], "audit-headline"),
        (["baseline", "show", "mian"], "main"),
        (["gate", "audit-headline", "--baseline", "mian"], "main"),
        (["gate", "audit-headline", "--metric", "respons_time.p95"], "response_time.p95"),
        (["gate", "audit-headline", "--budget", "p95(respons_time) < 1s"], "response_time"),
        (["gate", "audit-headline", "--allow-difference", "shcema"], "schema"),
        (["history", "rating_lokup"], "rating_lookup"),
        (["config", "pgbuoncer"], "pgbouncer"),
        (["completion", "bsh"], "bash"),
        (["schema", "audit", "--claim", "S7"], "S07"),
        (["explain", "rating_lookup", "--operation", "base_rat"], "base_rate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_misspelt_name_is_told_with_the_nearest(arguments: list[str], near: str) -> None:
    with pytest.raises((click.ClickException, BenchError)) as refused:
        cli.main(arguments, standalone_mode=False)
    error = refused.value
    told = error.format_message() if isinstance(error, click.ClickException) else str(error)
    assert near in told


def test_a_misspelt_command_ends_with_2_and_one_line() -> None:
    done = _run("moniter")
    assert done.returncode == 2
    assert "Did you mean 'monitor'?" in done.stderr
    assert "monitor" in COMMANDS


def test_a_run_names_beforehand_what_will_run_too_rarely(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_rare(read_scenario("rate_approval", Overrides(), quick=False))
    printed = capsys.readouterr()
    assert printed.err.startswith("rare: own_proposal runs about 50 times at most in 5 windows")
    assert not printed.out
