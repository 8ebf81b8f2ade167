from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bench.cli import main
from tests.gate.stored import store_run, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Done(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Done]]:
    """The command line in a folder of its own, inside this process: these commands start nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        seen = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Done(stop.value.code, seen.out, seen.err)

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with the runs `before` (the baseline `main`) and `after`, alike."""
    root = tmp_path / "results"
    store_run(root, "before", times(10, seed=1))
    store_run(root, "after", times(10, seed=2))
    return root
