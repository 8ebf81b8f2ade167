"""Kill the writer at any moment: at most the trial in flight is lost, and one writer at a time is let in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from bench.model.errors import StoreError
from bench.store import runs
from tests.store import examples

HERE = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "tests.store.crashing_writer"]


def _create(root: Path) -> runs.RunWriter:
    return runs.create(root, examples.RUN, examples.SCENARIO_TEXT, examples.PLAN, examples.HOST)


def _add_first(writer: runs.RunWriter) -> str:
    trial = writer.pending()[0]
    writer.add_trial(trial, examples.facts_of(trial), examples.samples_of(), [], examples.CLOSED)
    return trial.id


def _complete(writer: runs.RunWriter) -> runs.RunReader:
    while writer.pending():
        _add_first(writer)
    return runs.RunReader(writer.finish())


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        done = _add_first(writer)
        writer.stop("interrupted")
    assert runs.open_run(writer.run_id, tmp_path).facts.status == "interrupted"
    with runs.resume(writer.run_id, tmp_path) as again:
        assert again.finished == {done}
        assert again.facts.status == "running"
        assert again.facts.finished_utc is None
        assert [trial.id for trial in again.pending()] == [trial.id for trial in examples.PLAN.trials[1:]]
        run = _complete(again)
    assert [stored.trial for stored in run.trials()] == list(examples.PLAN.trials)
    worked_s = run.facts.worked_s
    assert worked_s is not None
    assert worked_s >= 0
    assert run.facts == msgspec.structs.replace(
        examples.RUN, status="finished", finished_utc=run.facts.finished_utc, worked_s=worked_s
    )


def test_a_run_that_nobody_holds_any_more_does_not_pass_for_a_running_one(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        assert runs.open_run(writer.run_id, tmp_path).facts.status == "running"
        assert [entry.facts.status for entry in runs.list_runs(tmp_path) if entry.facts] == ["running"]
    assert runs.open_run(writer.run_id, tmp_path).facts.status == "interrupted"
    assert [entry.facts.status for entry in runs.list_runs(tmp_path) if entry.facts] == ["interrupted"]


def test_work_is_summed_over_the_sessions_of_a_run(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        writer.record(msgspec.structs.replace(writer.facts, worked_s=100.0))
        writer.stop("interrupted")
    with runs.resume(writer.run_id, tmp_path) as again:
        run = _complete(again)
    assert run.facts.worked_s is not None
    assert 100.0 <= run.facts.worked_s < 200.0


def test_a_failed_trial_may_be_tried_again(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        first = writer.pending()[0]
        writer.fail_trial(first, "no route")
        writer.fail_trial(first, "still no route")
    with runs.resume(writer.path, tmp_path) as again:
        assert again.failures == {first.id: "still no route"}
        assert _add_first(again) == first.id
        assert again.failures == {}
        run = _complete(again)
    assert all(stored.failure is None for stored in run.trials())


def test_half_written_trials_and_derived_files_are_removed_by_name(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        done = _add_first(writer)
    runs.open_run(writer.path, tmp_path).write_derived([examples.MEASUREMENT], [], None)
    half = writer.path / "trials" / ".b01-t002"
    half.mkdir()
    (half / "samples.parquet").write_bytes(b"PAR1")
    (writer.path / ".run.json.4711").write_bytes(b"{")
    with runs.resume(writer.path, tmp_path) as again:
        assert again.discarded == ("b01-t002",)
        assert again.finished == {done}
    assert not half.exists()
    assert {file.name for file in writer.path.iterdir()} == {
        *("run.json", "scenario.toml", "plan.json", "host.json", "trials", "writer.lock")
    }


def test_a_trial_folder_that_lost_its_samples_is_not_taken_for_finished(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        done = _add_first(writer)
    (writer.path / "trials" / done / "samples.parquet").unlink()
    with pytest.raises(StoreError, match="neither a finished trial nor a failed one") as caught:
        runs.resume(writer.path, tmp_path)
    assert done in caught.value.problem
    (writer.path / "trials" / done / "facts.json").unlink()
    with pytest.raises(StoreError, match="neither"):  # and the refusal let go of the lock
        runs.resume(writer.path, tmp_path)


def test_two_writers_are_refused_and_the_holder_is_named(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        with pytest.raises(StoreError, match="is being written already") as caught:
            runs.resume(writer.path, tmp_path)
        assert f"by process {os.getpid()} since 20" in caught.value.evidence
        _add_first(writer)  # the first one is not disturbed
    runs.resume(writer.path, tmp_path).close()


def test_reading_does_not_wait_for_the_writer(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        done = _add_first(writer)
        assert [stored.trial.id for stored in runs.open_run(writer.path, tmp_path).trials()] == [done]


def test_a_finished_run_cannot_be_resumed(tmp_path: Path) -> None:
    with _create(tmp_path) as writer:
        path = writer.finish()
    with _create(tmp_path) as other, pytest.raises(StoreError, match="nothing to resume") as caught:
        runs.resume(path, tmp_path)
    assert other.path.name in caught.value.evidence
    assert not (path / "writer.lock").exists()


def test_a_folder_that_was_finished_meanwhile_is_not_written(tmp_path: Path) -> None:
    """Who opened the lock before the rename and locks it after holds a file that is no longer there."""
    from bench.store.lock import Lock  # noqa: PLC0415 - only this test looks behind the door

    with _create(tmp_path) as writer:
        opened = os.open

        def open_then_finish(path: Path, flags: int, mode: int = 0o777) -> int:
            descriptor = opened(path, flags, mode)
            os.open = opened
            writer.finish()
            return descriptor

        os.open = open_then_finish  # type: ignore[assignment]  # the narrower signature is the one used here
        try:
            with pytest.raises(StoreError, match="finished by another process"):
                Lock(writer.path)
        finally:
            os.open = opened


def _trials(root: Path) -> list[runs.StoredTrial]:
    return list(runs.open_run(examples.RUN.run_id, root).trials())


@pytest.mark.slow
def test_a_kill_before_any_call_loses_at_most_the_trial_in_flight(tmp_path: Path) -> None:
    """The writer dies before every single call that changes the disk, once for each; each remains can be resumed."""
    subprocess.run([*PROGRAM, str(tmp_path), "calls"], check=True, cwd=HERE, timeout=300)
    seen: dict[str, int] = defaultdict(int)
    completed: set[object] = set()
    for folder in sorted(tmp_path.iterdir()):
        root = folder / "results"
        safe = {file.stem for file in root.glob("*.safe")}
        entries = runs.list_runs(root)
        if not entries or entries[0].facts is None:
            assert not safe
            if entries:
                with pytest.raises(StoreError, match="its writer died before"):
                    runs.resume(entries[0].path, root)
            seen["nothing"] += 1
        elif entries[0].finished:
            assert safe == {"b01-t001", "b01-t002"}
            assert len([stored.samples() for stored in _trials(root) if stored.failure is None]) == 2
            seen["finished"] += 1
        else:
            with runs.resume(entries[0].path, root) as writer:
                assert safe <= writer.finished
                assert len(writer.finished - safe) <= 1
                seen["discarded"] += len(writer.discarded)
                stored = [stored for stored in runs.RunReader(writer.path).trials() if stored.failure is None]
                state = (writer.finished, writer.discarded, tuple(writer.failures))
                if state not in completed:  # once for each state, because every trial costs a dozen flushes
                    completed.add(state)
                    stored = list(_complete(writer).trials())
                    assert len(stored) == len(examples.PLAN.trials)
                assert all(len(trial.samples()) == 200 for trial in stored)
            seen["resumed"] += 1
    assert min(seen[what] for what in ("nothing", "finished", "discarded", "resumed")) > 0


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_writer_killed_from_outside_leaves_a_run_that_can_be_resumed(tmp_path: Path, after: int) -> None:
    process = subprocess.Popen([*PROGRAM, str(tmp_path)], cwd=HERE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().split() for _ in range(after)]
    process.kill()
    lines += [line.split() for line in process.stdout]
    process.wait()
    process.stdout.close()
    told: dict[str, set[str]] = defaultdict(set)
    for folder, trial in lines:
        told[folder].add(trial)
    assert sum(map(len, told.values())) >= after
    for entry in runs.list_runs(tmp_path):
        if entry.facts is None:
            continue  # killed while it was being begun
        with runs.resume(entry.path, tmp_path) as writer:
            assert told[entry.path.name] <= writer.finished
            assert len(writer.finished - told[entry.path.name]) <= 1
            run = _complete(writer)
        assert len([stored.samples() for stored in run.trials()]) == len(examples.PLAN.trials)
