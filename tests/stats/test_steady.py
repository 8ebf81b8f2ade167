from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from bench.stats.estimate import Refused
from bench.stats.steady import SteadyState, Unsteady, mser5, steady_state

if TYPE_CHECKING:
    from numpy.typing import NDArray


def noise(rng: np.random.Generator, n: int, sd: float = 3.0) -> NDArray[np.float64]:
    return rng.normal(0, sd, n)


def test_a_warm_up_is_cut_off_where_it_ends() -> None:
    """Throughput climbs to 100 with a time constant of 8 blocks: the cut lies where less than 10 % are missing."""
    rng = np.random.default_rng(1)
    for _ in range(100):
        series = 100 * (1 - np.exp(-np.arange(200) / 8)) + noise(rng, 200)
        found = steady_state(series)
        assert isinstance(found, SteadyState)
        assert found.start >= 20
        assert series[found.start :].mean() == pytest.approx(100, abs=1.5)


def test_a_step_is_found_to_within_a_batch() -> None:
    series = np.concatenate([np.full(30, 60.0), np.full(120, 100.0)]) + noise(np.random.default_rng(2), 150, 1)
    assert mser5(series) in (30, 35)


def test_mser_minimises_the_marginal_standard_error_by_its_definition() -> None:
    series = noise(np.random.default_rng(3), 203) + np.linspace(30, 0, 203) ** 2 / 30
    batches = series[:200].reshape(40, 5).mean(axis=1)
    errors = [float(((batches[d:] - batches[d:].mean()) ** 2).sum()) / (40 - d) ** 2 for d in range(21)]
    assert mser5(series) == 5 * int(np.argmin(errors))


@pytest.mark.parametrize(
    "shape",
    [
        np.linspace(50, 150, 100),
        np.linspace(150, 50, 100),
        np.concatenate([np.full(70, 100.0), np.full(30, 140.0)]),
        np.concatenate([np.zeros(95), np.full(5, 100.0)]),
    ],
    ids=["growing", "falling", "late step", "mostly nothing"],
)
def test_what_never_settles_is_said_to_be_unsteady(shape: NDArray[np.float64]) -> None:
    found = steady_state(np.maximum(0.0, shape + noise(np.random.default_rng(4), 100, 2)))
    assert isinstance(found, Unsteady)
    assert found.reason.startswith("from block")


def test_noise_alone_is_not_called_unsteady() -> None:
    """Blocks with 20 % noise, whose halves differ by more than the tolerance in one trial in five."""
    rng = np.random.default_rng(5)
    unsteady = sum(isinstance(steady_state(100 + noise(rng, 60, 20)), Unsteady) for _ in range(500))
    assert unsteady <= stats.binom.ppf(1 - 1e-4, 500, 0.05)


def test_a_drift_below_the_tolerance_is_reported_and_accepted() -> None:
    found = steady_state(np.linspace(100, 104, 100))
    assert isinstance(found, SteadyState)
    assert 0.005 < found.drift < 0.05
    assert steady_state(np.linspace(100, 104, 100), tolerance=0.001) == Unsteady(
        f"from block 50 on, the second half lies {100 * found.drift:+.1f} % from the first", found.drift
    )


def test_a_constant_or_silent_series_is_steady_from_the_start() -> None:
    assert steady_state([100.0] * 60) == SteadyState(0, 0.0, 0.0, 60)
    assert steady_state([0.0] * 60) == SteadyState(0, 0.0, 0.0, 60)


def test_a_short_series_is_refused() -> None:
    assert steady_state([1.0] * 49) == Refused("49 blocks do not show a steady state", 49, 50)
    with pytest.raises(ValueError, match="needs 50 values"):
        mser5([1.0] * 49)
