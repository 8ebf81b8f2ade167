"""A plan may grow while its run is written: at its end only, and whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.design.plan import Trial
from bench.model.errors import StoreError
from bench.store import runs
from tests.store import examples

if TYPE_CHECKING:
    from pathlib import Path

START = msgspec.structs.replace(
    examples.PLAN, trials=examples.PLAN.trials[:1], treatments=examples.TREATMENTS[:1], design="adaptive"
)
GROWN = msgspec.structs.replace(examples.PLAN, design="adaptive")


def _create(root: Path) -> runs.RunWriter:
    return runs.create(root, examples.RUN, examples.SCENARIO_TEXT, START, examples.HOST)


def _add(writer: runs.RunWriter, trial: Trial) -> None:
    writer.add_trial(trial, examples.facts_of(trial), examples.samples_of(), [], examples.CLOSED)


def test_trials_of_a_plan_that_grew_are_taken_and_read(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        _add(writer, START.trials[0])
        writer.extend_plan(GROWN)
        assert writer.pending() == GROWN.trials[1:]
        _add(writer, GROWN.trials[2])
        run = runs.RunReader(writer.finish())
    assert run.plan == GROWN
    assert [stored.trial for stored in run.trials()] == [GROWN.trials[0], GROWN.trials[2]]


def test_a_resumed_run_goes_on_with_the_plan_as_it_had_grown(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        writer.extend_plan(GROWN)
        _add(writer, GROWN.trials[1])
    with runs.resume(writer.run_id, tmp_path) as again:
        assert again.plan == GROWN
        assert again.pending() == (GROWN.trials[0], *GROWN.trials[2:])


def test_what_a_plan_held_cannot_be_changed(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        for changed in (
            msgspec.structs.replace(GROWN, trials=GROWN.trials[1:]),
            msgspec.structs.replace(GROWN, treatments=GROWN.treatments[::-1]),
            msgspec.structs.replace(GROWN, scenario="another"),
        ):
            with pytest.raises(ValueError, match="grows at its end"):
                writer.extend_plan(changed)
        with pytest.raises(ValueError, match="share an id"):
            writer.extend_plan(msgspec.structs.replace(GROWN, trials=(*GROWN.trials, GROWN.trials[0])))
        elsewhere = Trial("../b03-t001", 3, examples.TREATMENTS[0], 1)
        with pytest.raises(StoreError, match="cannot be the name of a trial"):
            writer.extend_plan(msgspec.structs.replace(GROWN, trials=(*GROWN.trials, elsewhere)))
        assert runs.RunReader(writer.path).plan == START


def test_a_disk_that_fails_leaves_the_old_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with _create(tmp_path) as writer:
        with monkeypatch.context() as broken:
            broken.setattr("os.fsync", full)
            with pytest.raises(StoreError, match="No space left"):
                writer.extend_plan(GROWN)
        assert writer.plan == START
        assert runs.RunReader(writer.path).plan == START


def test_a_plan_written_before_plans_could_grow_is_a_full_grid(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        path = writer.path / "plan.json"
        path.write_text(path.read_text().replace(',\n  "design": "adaptive"', ""))
        assert runs.RunReader(writer.path).plan.design == "grid"
