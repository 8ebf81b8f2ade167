"""What a terminal shows: names are text whatever they hold, and the time left is known from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console

from bench.cli.explain_table import print_explanation
from bench.cli.output import print_error, tell
from bench.cli.progress import Pace, choose_progress
from bench.cli.screen import shown
from bench.design.plan import Plan, Trial
from bench.experiment.explain import Explanation
from bench.model.errors import SetupError
from tests.fakes import Clock
from tests.store.examples import QUERY_PLAN

if TYPE_CHECKING:
    import pytest

HOSTILE = "[/x] [red]a \x1b[2J\x1b[8m\u202eb\x07"
REVEALED = "[/x] [red]a ⟨U+001B⟩[2J⟨U+001B⟩[8m⟨U+202E⟩b⟨U+0007⟩"
TRIALS = tuple(Trial(f"t{block}", block, {"pool.size": 4, "pooler.kind": "none"}, block) for block in (1, 2, 3, 4))
PLAN = Plan(scenario="s", trials=TRIALS, treatments=(), replicates=4, estimated_s=200.0)


def test_text_from_outside_moves_nothing_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell(HOSTILE)
    print_error(SetupError(HOSTILE, evidence=HOSTILE, remedy=HOSTILE))
    printed = capsys.readouterr()
    assert printed.out == f"{REVEALED}\n"
    assert printed.err.count(REVEALED) == 3
    console = Console(width=200, force_terminal=True)
    with console.capture() as screen:
        console.print(shown(HOSTILE))
    assert screen.get() == f"{REVEALED}\n"


def test_our_own_colours_stay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    tell(f"{click.style('PASS', fg='green', bold=True)} {HOSTILE}")
    assert capsys.readouterr().out == f"\x1b[32m\x1b[1mPASS\x1b[0m {REVEALED}\n"


def test_plans_of_operations_with_any_name_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    fact = msgspec.structs.replace(QUERY_PLAN, operation=HOSTILE)
    print_explanation(Explanation(HOSTILE, (fact,), (), (), ()), trees=True)
    printed = capsys.readouterr().out
    assert printed.count(REVEALED) == 3
    assert "\x1b[2J" not in printed


def test_the_time_left_is_the_plans_at_first_and_then_what_trials_took() -> None:
    clock = Clock()
    pace = Pace(4, 200.0, clock)
    assert pace.left_s == 200
    clock.now += 20
    assert pace.left_s == 180
    clock.now += 60
    pace.finish_one()
    assert pace.left_s == 3 * 80
    clock.now += 1000
    assert pace.left_s == 0


def test_a_line_of_a_log_says_what_ran_in_words_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = choose_progress()
    progress.planned(PLAN, growing=False)
    progress.trial_finished(TRIALS[0], 1234.0)
    progress.trial_failed(TRIALS[1], HOSTILE)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "4 trials, about 3 min 20 s"
    assert second == "[1/4] no pooler, pool size 4: 1,234/s, 0 s left"
    assert third == f"[2/4] no pooler, pool size 4: failed: {REVEALED}, 0 s left"


def test_a_search_counts_its_trials_and_promises_no_end(capsys: pytest.CaptureFixture[str]) -> None:
    progress = choose_progress()
    for trial in TRIALS[:2]:
        progress.planned(msgspec.structs.replace(PLAN, trials=(trial,)), growing=True)
        progress.trial_finished(trial, 500.0)
    assert capsys.readouterr().err.splitlines() == [f"[{n}] no pooler, pool size 4: 500/s" for n in (1, 2)]


def test_the_reason_of_a_failed_trial_outlives_the_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    with choose_progress() as progress:
        progress.planned(PLAN, growing=False)
        progress.trial_failed(TRIALS[0], HOSTILE)
    assert f"no pooler, pool size 4: failed: {REVEALED}\n" in capsys.readouterr().err
