"""Four answers from pairs: with virtual trials of known effect and noise."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.analysis.tuning.decision import MARGIN, Series, decide
from bench.stats.sequential import LOOKS

if TYPE_CHECKING:
    from bench.analysis.tuning.decision import Decision

SD = 0.05
"""Spread of one trial's logarithm, as seen for a p95 over a second."""


def _series(rng: np.random.Generator, effect: float, pairs: int, *, smaller: bool = True, sd: float = SD) -> Series:
    before = np.exp(sd * rng.standard_normal(pairs))
    after = effect * np.exp(sd * rng.standard_normal(pairs))
    return Series(before.tolist(), after.tolist(), smaller_is_better=smaller)


def _run(rng: np.random.Generator, p95: float, throughput: float = 1.0, family: int = 10) -> Decision:
    """Look after every planned number of pairs, as a tuning does, until it is settled."""
    response, rate = _series(rng, p95, LOOKS[-1]), _series(rng, throughput, LOOKS[-1], smaller=False)
    for look in LOOKS:
        cut = {
            "p95": response._replace(before=response.before[:look], after=response.after[:look]),
            "throughput": rate._replace(before=rate.before[:look], after=rate.after[:look]),
        }
        decision = decide(cut, family)
        if decision.settled:
            break
    return decision


def _share(outcome: str, p95: float, throughput: float = 1.0, runs: int = 200) -> float:
    rng = np.random.default_rng(11)
    return Counter(_run(rng, p95, throughput).outcome for _ in range(runs))[outcome] / runs  # type: ignore[index]  # a label


def test_what_changes_nothing_is_hardly_ever_called_proven() -> None:
    """The error of 5 % is shared by ten comparisons: one candidate has at most 1 % in both directions."""
    assert _share("proven", 1.0, runs=600) <= 0.01
    assert _share("harmful", 1.0, runs=600) <= 0.01


def test_an_effect_below_the_margin_is_never_called_proven_for_its_certainty_alone() -> None:
    rng = np.random.default_rng(3)
    tiny = {"p95": _series(rng, 0.99, 16, sd=1e-4)}
    assert decide(tiny, 2).outcome == "no effect"


@pytest.mark.parametrize(("p95", "least"), [(0.5, 0.99), (0.75, 0.95), (0.85, 0.8)])
def test_power(p95: float, least: float) -> None:
    """Among five candidates, at a spread of 5 % per trial: a quarter off is found nearly always, 15 % in most cases."""
    assert _share("proven", p95) >= least


def test_harm_is_found_as_surely_as_help() -> None:
    assert _share("harmful", 1.5) >= 0.99


def test_throughput_lost_outweighs_response_time_won() -> None:
    assert _share("harmful", 0.6, throughput=0.7) >= 0.99


def test_most_changes_without_effect_are_settled_as_such_where_noise_is_small() -> None:
    rng = np.random.default_rng(5)
    outcomes = [decide({"p95": _series(rng, 1.0, 16, sd=0.015)}, 10).outcome for _ in range(100)]
    assert outcomes.count("no effect") >= 90


def test_more_failing_operations_are_harm_whatever_the_times_say() -> None:
    rng = np.random.default_rng(1)
    decision = decide({"p95": _series(rng, 0.5, 4)}, 2, errors=(0.0, 0.01))
    assert decision.outcome == "harmful"
    assert "fail" in decision.reason


def test_the_words_quote_the_effect_with_interval_and_pairs() -> None:
    rng = np.random.default_rng(2)
    decision = decide({"p95": _series(rng, 0.62, 6)}, 2)
    assert decision.words.startswith("proven: p95 -3")
    assert decision.words.endswith("], 6 interleaved pairs")
    assert decision.main is not None
    assert decision.main.gain > 1 + MARGIN


def test_without_pairs_nothing_is_decided() -> None:
    decision = decide({}, 2)
    assert (decision.outcome, decision.pairs, decision.settled) == ("undecided", 0, False)
