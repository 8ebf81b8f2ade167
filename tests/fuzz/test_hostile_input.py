"""What others have written is refused with an error of ours or taken, in bounded time, and never leads elsewhere."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.environment.attached import read_options
from bench.experiment.scenario_file import plan_scenario
from bench.model.errors import ScenarioError, StoreError
from bench.model.scenario_text import Overrides
from bench.store import codec, layout, runs
from bench.store.disk import read_file
from tests.fuzz.bounds import within_bounds
from tests.fuzz.targets import (
    SMALL,
    RunFolder,
    fuzz_command_line,
    fuzz_documents,
    fuzz_samples,
    fuzz_scenario,
)
from tests.store import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FEW = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder() -> Iterator[RunFolder]:
    with contextlib.closing(RunFolder()) as made:
        yield made


@pytest.mark.parametrize("target", [fuzz_scenario, fuzz_command_line, fuzz_documents, fuzz_samples])
def test_spoilt_input_ends_with_an_error_of_ours(target: Callable[[random.Random], None]) -> None:
    @FEW
    @given(st.integers(0, 2**32))
    def spoil(seed: int) -> None:
        with within_bounds():
            target(random.Random(seed))

    spoil()


def test_a_spoilt_run_folder_is_read_and_written_nowhere_else(folder: RunFolder) -> None:
    @settings(FEW, max_examples=40)
    @given(st.integers(0, 2**32))
    def spoil(seed: int) -> None:
        with within_bounds():
            folder.fuzz(random.Random(seed))

    spoil()


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a/b", "", ".", "latest", "x.partial"])  # noqa: S108
def test_a_run_whose_own_name_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    run = tmp_path / "20250301T101500Z-x-y"
    run.mkdir()
    (run / layout.RUN).write_bytes(codec.encode("run", msgspec.structs.replace(examples.RUN, run_id=name)))
    with pytest.raises(StoreError, match="cannot be the name of a run"):
        runs.open_run(run, tmp_path)


def test_a_link_or_a_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    import os  # noqa: PLC0415 - a pipe is made by nothing else

    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(StoreError, match=f"{name}"):
            read_file(tmp_path / name)


def test_a_plan_of_endless_trials_is_refused_at_once() -> None:
    with within_bounds(), pytest.raises(ScenarioError, match="trials"):
        plan_scenario(SMALL.replace("replicates = 2", "replicates = 1000000000"), "endless", Overrides(), quick=False)


def test_unbalanced_quotes_in_options_are_refused() -> None:
    with pytest.raises(ScenarioError, match="options"):
        read_options("-c search_path='app")
