"""A run folder from its first byte to its name, and how it is found again."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.model.errors import StoreError
from bench.store import runs
from bench.store.names import find_run, name_run
from tests.store import examples

AUDIT = Path(__file__).parents[2] / "results" / "audit-headline"


def _begin(root: Path, **changes: object) -> runs.RunWriter:
    facts = msgspec.structs.replace(examples.RUN, **changes)
    return runs.create(root, facts, examples.SCENARIO_TEXT, examples.PLAN, examples.HOST)


def _finish(root: Path, **changes: object) -> Path:
    with _begin(root, **changes) as writer:
        for trial in writer.pending():
            samples = examples.samples_of(seed=trial.seed)
            writer.add_trial(trial, examples.facts_of(trial), samples, [examples.QUERY_PLAN], examples.CLOSED)
        return writer.finish()


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = _finish(tmp_path)
    run = runs.open_run(path, tmp_path)
    assert path == tmp_path / examples.RUN.run_id
    assert run.finished
    assert (run.facts.status, run.facts.versions) == ("finished", examples.RUN.versions)
    assert run.facts.finished_utc is not None
    assert run.plan == examples.PLAN
    assert run.scenario_text == examples.SCENARIO_TEXT
    assert run.host == examples.HOST
    for stored, trial in zip(run.trials(), examples.PLAN.trials, strict=True):
        assert stored.trial == trial
        assert stored.failure is None
        assert stored.facts == examples.facts_of(trial)
        assert stored.plans() == (examples.QUERY_PLAN,)
        assert np.array_equal(stored.samples().completed_ns, examples.samples_of(seed=trial.seed).completed_ns)


def test_the_folder_holds_the_documented_files_and_nothing_else(tmp_path: Path) -> None:
    path = _finish(tmp_path)
    runs.open_run(path, tmp_path).write_derived([examples.MEASUREMENT], [examples.FINDING], examples.VERDICT)
    assert {file.name for file in path.iterdir()} == {
        *("run.json", "scenario.toml", "plan.json", "host.json", "trials"),
        *("measurements.json", "measurements.parquet", "findings.json", "verdict.json"),
    }
    for trial in examples.PLAN.trials:
        assert {file.name for file in (path / "trials" / trial.id).iterdir()} == {
            *("samples.parquet", "histogram.hlog", "facts.json", "plans.json")
        }


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    def bytes_of(root: Path) -> dict[str, bytes]:
        path = _finish(root)
        runs.open_run(path, root).write_derived([examples.MEASUREMENT], [examples.FINDING], examples.VERDICT)
        files = [file for file in path.rglob("*") if file.is_file() and file.name != "run.json"]
        return {str(file.relative_to(path)): file.read_bytes() for file in files}

    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_nobody_else_can_read_what_was_measured(tmp_path: Path) -> None:
    path = _finish(tmp_path / "results")
    runs.open_run(path, tmp_path).write_derived([examples.MEASUREMENT], [], None)
    for entry in [tmp_path / "results", path, *path.rglob("*")]:
        assert entry.stat().st_mode & 0o777 == (0o700 if entry.is_dir() else 0o600), entry


def test_what_was_derived_is_replaced_as_a_whole(tmp_path: Path) -> None:
    run = runs.open_run(_finish(tmp_path), tmp_path)
    with pytest.raises(StoreError, match=r"measurements\.json is missing") as caught:
        run.measurements()
    assert "bench analyse" in caught.value.remedy
    run.write_derived([examples.MEASUREMENT], [examples.FINDING], examples.VERDICT)
    assert run.measurements() == (examples.MEASUREMENT,)
    assert run.findings()[0].rule == "pool-size"
    assert run.verdict() == examples.VERDICT
    run.write_derived([], [], None)
    assert (run.measurements(), run.findings()) == ((), ())
    with pytest.raises(StoreError, match=r"verdict\.json is missing"):
        run.verdict()


def test_a_failed_trial_is_kept_with_its_reason(tmp_path: Path) -> None:
    with _begin(tmp_path) as writer:
        first, *_ = writer.pending()
        writer.fail_trial(first, "the pooler went away: \udcff")
        path = writer.finish(msgspec.structs.replace(writer.facts, status="failed"))
    run = runs.open_run(path, tmp_path)
    (stored,) = run.trials()
    assert stored.failure == "the pooler went away: \\udcff"
    assert run.facts.status == "failed"
    with pytest.raises(StoreError, match=r"cannot read .*facts\.json"):
        _ = stored.facts


def test_raw_data_is_written_once(tmp_path: Path) -> None:
    with _begin(tmp_path) as writer:
        first, *_ = writer.pending()
        writer.add_trial(first, examples.facts_of(first), examples.samples_of(), [], examples.CLOSED)
        with pytest.raises(StoreError, match="written once"):
            writer.add_trial(first, examples.facts_of(first), examples.samples_of(), [], examples.CLOSED)
        with pytest.raises(StoreError, match="written once"):
            writer.fail_trial(first, "late")


def test_a_trial_outside_the_plan_or_with_facts_of_another_is_a_bug(tmp_path: Path) -> None:
    with _begin(tmp_path) as writer:
        first, second, *_ = writer.pending()
        stranger = msgspec.structs.replace(first, id="../../elsewhere")
        with pytest.raises(ValueError, match="not in the plan"):
            writer.fail_trial(stranger, "x")
        with pytest.raises(ValueError, match="facts of b01-t002 given for trial b01-t001"):
            writer.add_trial(first, examples.facts_of(second), examples.samples_of(), [], examples.CLOSED)
        with pytest.raises(ValueError, match="`running`"):
            writer.finish(examples.RUN)


def test_an_id_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    """Whether the other run is finished or still being written."""
    finished = _finish(tmp_path)
    with _begin(tmp_path) as second, _begin(tmp_path) as third:
        assert second.run_id == f"{finished.name}-2"
        assert third.run_id == f"{finished.name}-3"
        third.finish()
    assert runs.open_run(f"{finished.name}-3", tmp_path).run_id == f"{finished.name}-3"


def test_a_run_without_an_id_is_named_after_start_scenario_and_commit(tmp_path: Path) -> None:
    with _begin(tmp_path, run_id="", started_utc="2025-03-01T12:15:00+02:00") as writer:
        assert writer.run_id == examples.RUN.run_id


def test_names_are_made_of_time_scenario_and_commit() -> None:
    start = datetime(2025, 3, 1, 10, 15, tzinfo=UTC)
    assert name_run(start, "rating_lookup", "4214dab9c1") == "20250301T101500Z-rating_lookup-4214dab"
    assert name_run(start, "Prüfung / Größe", "") == "20250301T101500Z-Prufung-Groe-unknown"
    assert name_run(start, "../../etc/passwd", "4214dab") == "20250301T101500Z-etc-passwd-4214dab"
    assert name_run(start, "…", "4214dab") == "20250301T101500Z-unnamed-4214dab"


@given(st.text(), st.text())
def test_no_scenario_name_leads_out_of_the_results_folder(scenario: str, commit: str) -> None:
    name = name_run(datetime(2025, 3, 1, tzinfo=UTC), scenario, commit)
    assert re.fullmatch(r"20250301T000000Z-[A-Za-z0-9_-]{1,60}-[A-Za-z0-9_-]{1,7}", name)


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "a\nb", "x.partial", "latest", "a" * 201, "..", "a\0"])
def test_a_run_or_trial_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "results"
    with pytest.raises(StoreError, match="cannot be the name of a run"):
        _begin(root, run_id=name)
    plan = msgspec.structs.replace(examples.PLAN, trials=(msgspec.structs.replace(examples.PLAN.trials[0], id=name),))
    with pytest.raises(StoreError, match="cannot be the name of a trial"):
        runs.create(root, examples.RUN, "", plan, examples.HOST)
    assert not root.exists()


def test_a_plan_on_disk_cannot_lead_elsewhere(tmp_path: Path) -> None:
    path = _finish(tmp_path)
    text = (path / "plan.json").read_text()
    (path / "plan.json").write_text(text.replace("b01-t001", "../../x"))
    with pytest.raises(StoreError, match="cannot be the name of a trial"):
        list(runs.open_run(path, tmp_path).trials())


def test_a_run_is_found_by_path_id_beginning_and_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _finish(tmp_path / "r", run_id="20250101T000000Z-rating_lookup-aaaaaaa")
    new = _finish(tmp_path / "r", run_id="20250301T000000Z-rating_lookup-bbbbbbb")
    sample = _finish(tmp_path / "r", run_id="sample")
    with _begin(tmp_path / "r", run_id="20250401T000000Z-rating_lookup-ccccccc") as unfinished:
        for name, path in {
            str(old): old,
            old.name: old,
            "202501": old,
            "latest": new,
            "sam": sample,
            "20250401T000000Z-rating_lookup-ccccccc": unfinished.path,
            "20250401": unfinished.path,
            unfinished.path.name: unfinished.path,
            str(unfinished.path).removesuffix(".partial"): unfinished.path,
        }.items():
            assert find_run(name, tmp_path / "r") == path, name
        assert not runs.open_run("20250401", tmp_path / "r").finished
    monkeypatch.chdir(tmp_path)
    assert find_run(Path("r/sample"), tmp_path / "nowhere") == Path("r/sample")


def test_a_run_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run 'x'") as caught:
        find_run("x", tmp_path / "missing")
    assert caught.value.evidence == "there are no runs there at all"
    for name in ("20250101T000000Z-rating_lookup-aaaaaaa", "20250201T000000Z-quote-aaaaaaa"):
        _finish(tmp_path, run_id=name)
    for wrong in ("rating_lookup", "20250101T000001Z-rating_lookup-aaaaaaa"):
        with pytest.raises(StoreError) as caught:
            find_run(wrong, tmp_path)
        assert "nearest: 20250101T000000Z-rating_lookup-aaaaaaa" in caught.value.evidence
    with pytest.raises(StoreError, match="fits 2 runs") as caught:
        find_run("2025", tmp_path)
    assert "20250201T000000Z-quote-aaaaaaa" in caught.value.evidence
    for wrong in ("", "a" * 5000, "\0", "/nowhere"):
        with pytest.raises(StoreError):
            find_run(wrong, tmp_path)


def test_an_id_is_a_name_and_never_a_way_out(tmp_path: Path) -> None:
    """Only an existing path is followed; what is no path is compared with the names in the results folder."""
    _finish(tmp_path / "other")
    with pytest.raises(StoreError, match="no run"):
        find_run(f"../other/{examples.RUN.run_id}", tmp_path / "results")


def test_the_list_names_every_run_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    assert runs.list_runs(tmp_path / "missing") == ()
    good = _finish(tmp_path)
    broken = tmp_path / "20250301T101501Z-x-4214dab"
    shutil.copytree(good, broken)
    (broken / "run.json").write_text("{")
    (tmp_path / "audit-2025").mkdir()
    (tmp_path / "README.md").touch()
    with _begin(tmp_path) as writer:
        entries = runs.list_runs(tmp_path)
        assert [entry.path for entry in entries] == [good, writer.path, broken]
    assert [entry.finished for entry in entries] == [True, False, True]
    assert [entry.facts is None for entry in entries] == [False, False, True]
    assert "is damaged" in str(entries[2].problem)


def test_a_reported_run_is_read_without_trials() -> None:
    """Figures that somebody else stated have a folder of their own, without raw data."""
    run = runs.open_run(AUDIT, AUDIT.parent)
    (stated,) = run.facts.reported
    assert run.facts.status == "reported"
    assert stated.metrics == {"throughput": 5619.0, "response_time.p95": 0.989}
    assert stated.treatment["load.clients"] == 100
    assert list(run.trials()) == []
    assert run.plan.treatments == ()
    assert run.host is None
    assert "p95(response_time) < 100ms" in run.scenario_text


def test_a_measured_run_that_lost_a_file_says_which(tmp_path: Path) -> None:
    path = _finish(tmp_path)
    (path / "host.json").unlink()
    (path / "trials" / "b01-t001" / "samples.parquet").unlink()
    (path / "scenario.toml").write_bytes(b"\xff")
    run = runs.open_run(path, tmp_path)
    with pytest.raises(StoreError, match=r"host\.json"):
        _ = run.host
    with pytest.raises(StoreError, match=r"b01-t001/samples\.parquet"):
        next(iter(run.trials())).samples()
    with pytest.raises(StoreError, match="is damaged"):
        _ = run.scenario_text


def test_trials_that_were_mixed_up_are_noticed(tmp_path: Path) -> None:
    path = _finish(tmp_path)
    trials = path / "trials"
    (trials / "b01-t001").rename(trials / "aside")
    (trials / "b01-t002").rename(trials / "b01-t001")
    run = runs.open_run(path, tmp_path)
    with pytest.raises(StoreError, match="not in the plan") as caught:
        list(run.trials())
    assert caught.value.evidence == "aside"
    shutil.rmtree(trials / "aside")
    stored = next(iter(run.trials()))
    for read in (lambda: stored.facts, stored.samples):
        with pytest.raises(StoreError, match="is damaged") as caught:
            read()
        assert "it belongs to trial 'b01-t002', not to 'b01-t001'" in caught.value.evidence
