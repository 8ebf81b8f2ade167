"""The last screen answers the question: which pool size, why, and what to change next."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.cli.output import choose_colour, print_error
from bench.cli.summary import answers, next_steps, print_outcome
from bench.experiment.derive import Derived
from bench.model.errors import SetupError
from bench.model.facts import Caveat
from tests.analysis.sweeps import sweep
from tests.analysis.test_answer import around, curve
from tests.analysis.test_capacity import run_search

if TYPE_CHECKING:
    import pytest

    from bench.analysis.analyse import Analysis


def _shown(analysis: Analysis, folder: str, capsys: pytest.CaptureFixture[str]) -> str:
    print_outcome(Derived("the-run", Path(folder), Path("page"), analysis), as_json=False)
    return capsys.readouterr().out


def test_a_sweep_says_which_size_to_use_why_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    analysis = sweep({50: curve(s4=1000, s8=1900, s16=2450, s32=2500, s48=2490)}, budgets=["p95 < 1s"])
    shown = _shown(analysis, "the-run", capsys).splitlines()
    assert shown[1] == "Use pool size 16."
    assert shown[2].startswith("  why: ")
    assert "/s" in shown[2]
    assert shown[3] == "budgets: PASS"
    assert any(line.startswith("next:") for line in shown)
    assert not any("\x1b" in line for line in shown)


def test_what_is_said_is_said_once_and_on_one_stream(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(sweep({50: curve(s8=1900, s16=2450)}, budgets=["error_rate < 0.1%"]), "the-run", capsys)
    why = next(line for line in shown.splitlines() if line.startswith("  why: "))
    assert why.count("[") == 1, "the throughput of the only load level"
    assert "  cannot claim: " in shown
    assert "limit 0.1 %" in shown


def test_a_capacity_without_a_budget_on_throughput_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    analysis = run_search(1000)
    shown = _shown(analysis, "the-run", capsys)
    assert "budgets: PASS" in shown
    assert "throughput > 0" not in shown
    assert shown.count(analysis.answer.headline) == 1


def test_one_size_alone_is_not_called_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(sweep({50: {8: around(1000)}}), "the-run", capsys)
    assert "Pool size 8 is the only one measured." in shown
    assert "--sweep pool.size=" in shown
    assert "Use pool size" not in shown


def test_a_run_over_budget_recommends_no_size_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(sweep({50: curve(s8=1900, s16=2450, s32=2500)}, budgets=["p95 < 5ms"]), "the-run", capsys)
    assert "No pool size can be recommended." in shown
    assert "budgets: FAIL" in shown
    assert "  1. " in shown


def test_an_unfinished_run_says_how_to_go_on_first(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _shown(sweep({50: curve(s8=1900, s16=2450)}), "the-run.partial", capsys)
    assert "  1. Go on with `bench run --resume the-run`." in shown


def test_what_cannot_be_believed_names_the_cure_before_anything_else() -> None:
    analysis = sweep({50: curve(s8=1900, s16=2450)})
    wrong = Caveat(code="wrong", text="the clock ran backwards", cure="Mend the clock.", invalidates=True)
    measurements = tuple(msgspec.structs.replace(one, valid=False, caveats=(wrong,)) for one in analysis.measurements)
    steps = list(next_steps(dataclasses.replace(analysis, measurements=measurements), "the-run", finished=True))
    assert steps[0] == ("Mend the clock.", "no measurement here can be believed: the clock ran backwards")
    assert list(answers(analysis))


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert choose_colour() is False
    print_error(SetupError("a problem", remedy="A remedy."))
    assert capsys.readouterr().err == "error: a problem\n  remedy: A remedy.\n"
    monkeypatch.delenv("NO_COLOR")
    assert choose_colour() is None
