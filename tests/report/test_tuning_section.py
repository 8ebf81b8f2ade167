"""What a tuning's report shows: every effect with its interval, and response times before and after."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import pytest

from bench.analysis.measurement import Patch
from bench.analysis.tuning.advice import advise
from bench.analysis.tuning.candidate import CHANGE, SCOUT, START, Candidate, Tuning
from bench.analysis.tuning.outcome import judge_tuning
from bench.design.plan import Trial
from bench.model.change import Change
from bench.report.document import build_document
from bench.report.html import render_report
from bench.report.material import Material
from bench.report.sections.tuning import ANCHOR, draw_tuning
from tests.analysis.synthetic import MS, closed_loop, run_facts, scenario, summary_of, treatment_of
from tests.report.page import read_page

if TYPE_CHECKING:
    from bench.analysis.summary import TrialSummary
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.model.scenario import Scenario

SERVICE_MS = {SCOUT: 10, START: 10, "c01": 6, "c02": 10}


def _candidate(identity: str, key: str, level: str) -> Candidate:
    patch = Patch(kind="scenario", text=f"[pool]\n{key} = {level}\n", rollback=f"[pool]\n{key} = before\n")
    change = Change(scenario={f"pool.{key}": level})
    return Candidate(
        id=identity, title=f"pool.{key} = {level}", rule="r", why="w", source="s", change=change, patch=patch
    )


TUNING = Tuning(candidates=(_candidate("c01", "size", "16"), _candidate("c02", "reset", "none")), budget_s=60)


def _trial(what: Scenario, side: str, block: int, name: str) -> TrialSummary:
    noise = 1 + 0.002 * ((block * 7) % 5 - 2)
    samples = closed_loop(what, service_ns=round(noise * SERVICE_MS[side] * MS))
    plain = summary_of(what, samples, block)
    return dataclasses.replace(plain, trial=Trial(name, block, {**treatment_of(what), CHANGE: side}, 1))


@cache
def tuned() -> tuple[Scenario, tuple[TrialSummary, ...], TuningOutcome]:
    """A start at 10 ms, a change to 6 ms, and one that changes nothing; eight pairs of each."""
    what = scenario()
    trials = [_trial(what, SCOUT, 1, "scout")]
    for number, identity in enumerate(("c01", "c02")):
        for pair in range(1, 9):
            block = 1 + 8 * number + pair
            trials += [_trial(what, side, block, f"{identity}-{pair}-{side}") for side in (START, identity)]
    return what, tuple(trials), judge_tuning(TUNING, what, trials)


def test_a_tuning_shows_every_effect_and_the_proven_before_and_after() -> None:
    what, trials, outcome = tuned()
    gallery = draw_tuning(outcome, trials, what)
    assert gallery is not None
    effects, before_after = gallery.figures
    assert [row[2].text for row in effects.table.rows] == ["proven", "no effect"]
    assert [row[3].text for row in effects.table.rows] == ["yes", "no"]
    assert effects.table.rows[0][5].text == "-40 %"
    assert "c01: pool.size = 16; c02: pool.reset = none." in effects.caption
    assert "c01" in before_after.anchor
    assert [row[0].text for row in before_after.table.rows] == ["unchanged", "changed"]
    assert before_after.table.rows[0][1].order == pytest.approx(
        0.6 * (before_after.table.rows[1][1].order or 0), rel=0.02
    )


def test_a_page_of_a_tuning_has_charts_patch_and_the_way_back() -> None:
    what, trials, outcome = tuned()
    material = Material(run=run_facts(), findings=advise((), outcome, ()), scenario=what, trials=trials, tuning=outcome)
    page = read_page(render_report(build_document(material)))
    section = page.by_id(ANCHOR)
    assert len(section.all("svg")) == 2
    advice = page.by_id("recommendations").text()
    assert "size = 16" in advice
    assert "size = before" in advice


def test_other_runs_have_no_such_section() -> None:
    what, trials, _ = tuned()
    assert draw_tuning(None, trials, what) is None
    assert ANCHOR not in [entry.anchor for entry in build_document(Material(run=run_facts())).contents]


def test_a_tuning_that_found_nothing_says_so() -> None:
    what, trials, _ = tuned()
    gallery = draw_tuning(judge_tuning(Tuning(), what, ()), trials, what)
    assert gallery is not None
    assert (gallery.figures, gallery.absent) == ((), "Nothing to try was found.")
