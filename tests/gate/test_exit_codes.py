"""The table of exit codes by command: 0 done, 1 failed, 2 usage, 3 could not run or invalid, 4 inconclusive."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from bench.cli import COMMANDS
from tests.gate.stored import TEXT, store_run, times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gate.conftest import Done

    Bench = Callable[..., Done]

NOWHERE = "host=127.0.0.1 port=1 dbname=x user=y connect_timeout=2"
CLOSE = "p95 < 19.2ms"
"""Inside the interval of the stored runs."""

TABLE: list[tuple[int, str]] = [
    (0, "down"),
    (0, "status"),
    (3, "env"),
    (3, "up --pg-bin missing"),
    (2, "schema audit --script-location missing"),
    (3, f"schema upgrade --dsn '{NOWHERE}'"),
    (3, f"schema partitions --dsn '{NOWHERE}'"),
    (2, "seed --scale 0"),
    (3, f"seed --dsn '{NOWHERE}'"),
    (0, "plan lookups.toml"),
    (2, "plan missing.toml"),
    (2, "plan lookups.toml --set pool.sise=3"),
    (2, "run"),
    (2, "run lookups.toml --budget 'p95 < 3'"),
    (2, "run lookups.toml --budget 'buffers(lokup) <= 3'"),
    (3, f"run lookups.toml --dsn '{NOWHERE}'"),
    (3, "run --resume missing"),
    (2, "capacity missing.toml"),
    (2, "capacity lookups.toml --confirm 0"),
    (3, f"capacity lookups.toml --dsn '{NOWHERE}'"),
    (0, "analyse after"),
    (1, "analyse slow"),
    (4, "analyse close"),
    (0, "analyse close --warn-only"),
    (0, "analyse slow --warn-only"),
    (3, "analyse missing"),
    (3, "analyse damaged"),
    (0, "report after"),
    (3, "report missing"),
    (0, "baseline set other after"),
    (0, "baseline list"),
    (0, "baseline show main"),
    (2, "baseline show missing"),
    (2, "baseline remove missing"),
    (3, "baseline set other missing"),
    (3, "baseline set other damaged"),
    (0, "baseline remove main"),
    (0, "compare before after --relative 20%"),
    (1, "compare before slow"),
    (0, "compare before slow --warn-only"),
    (4, "compare before noisy"),
    (0, "compare before noisy --warn-only"),
    (2, "compare before before"),
    (2, "compare before"),
    (2, "compare before after --relative 5"),
    (3, "compare before missing"),
    (3, "compare before damaged"),
    (0, "gate after"),
    (0, "gate after --baseline main --relative 20%"),
    (1, "gate slow"),
    (1, "gate after --budget 'p50 < 1ms'"),
    (0, "gate slow --warn-only"),
    (4, f"gate after --budget '{CLOSE}'"),
    (2, "gate after --baseline missing"),
    (2, "gate after --github"),
    (2, "gate after --set pool.size=3"),
    (2, "gate after --baseline main --against HEAD"),
    (2, "gate lookups.toml --against no-such-commit"),
    (2, "gate missing.toml --against HEAD"),
    (2, f"gate lookups.toml --against '{NOWHERE}' --budget 'buffers(lokup) <= 3'"),
    (3, f"gate lookups.toml --against '{NOWHERE}' --dsn '{NOWHERE}'"),
    (3, "gate missing"),
    (3, "gate damaged"),
    (3, "gate after --junit /proc/none/gate.xml"),
    (0, "history lookups"),
    (2, "history missing"),
    (2, "history lookups --metric p95"),
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of every kind, made once."""
    folder = tmp_path_factory.mktemp("stored")
    root = folder / "results"
    store_run(root, "before", times(10, seed=1))
    store_run(root, "after", times(10, seed=2))
    store_run(root, "slow", times(14, seed=3), text=TEXT.replace('100ms"]', '15ms"]'))
    store_run(root, "close", times(10, seed=2), text=TEXT.replace("p95(response_time) < 100ms", CLOSE))
    store_run(root, "noisy", times(11, seed=5, spread=0.3))
    store_run(root, "damaged", times(10, seed=2))
    victim = next((root / "damaged" / "trials").glob("*/samples.parquet"))
    victim.write_bytes(victim.read_bytes()[:-100])
    (folder / "lookups.toml").write_text(TEXT)
    return folder


@pytest.fixture
def folder(stored: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with the baseline `main`, whatever an earlier test made of the baselines."""
    monkeypatch.chdir(stored)
    if not (stored / "kept.toml").exists():
        assert bench("baseline", "set", "main", "before").code == 0
        bench("analyse", "after")
        shutil.copy(stored / "results" / "baselines.toml", stored / "kept.toml")
    shutil.copy(stored / "kept.toml", stored / "results" / "baselines.toml")
    return stored


@pytest.mark.parametrize(("code", "line"), TABLE, ids=[f"{code}-{line}" for code, line in TABLE])
def test_exit_codes(bench: Bench, folder: Path, code: int, line: str) -> None:
    assert folder.is_dir()
    done = bench(*shlex.split(line))
    assert done.code == code, done.out + done.err
    assert "Traceback" not in done.err
    assert code not in (2, 3) or done.err, "a refusal says why"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_refuses_what_it_does_not_know(bench: Bench, command: str) -> None:
    shown = bench(command, "--help")
    assert shown.code == 0
    assert f"bench {command}" in shown.out
    assert bench(command, "--no-such-option").code == 2


def test_every_command_is_in_the_table_or_judges_nothing() -> None:
    """`doctor` alone answers by the state of the machine."""
    judged = {line.split()[0] for _, line in TABLE}
    assert {"analyse", "compare", "gate", "run", "capacity", "baseline", "history"} <= judged
