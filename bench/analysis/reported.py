"""Figures that somebody stated without raw data: taken at their word, then held against the laws they must obey."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis import laws
from bench.analysis.distribution import QUANTILES
from bench.analysis.measurement import ALL_OPERATIONS, Measurement
from bench.analysis.wording import number, rate, seconds
from bench.model.facts import Caveat
from bench.model.units import Duration
from bench.stats import queueing
from bench.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.model.facts import ReportedTrial

REPORTED = "reported"
ROUNDING = 0.01
"""Reported figures are rounded: a law counts as broken beyond this share."""
_UNITS = {"throughput": "1/s", "offered_rate": "1/s"}
_CURE = "Ask for the raw data, or measure it again with `bench run`."
_ORDER = ("p50", "p90", "p95", "p99", "p99_9", "max")


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a closed loop of ``clients`` can do, and the reported figure it follows from."""

    clients: int
    throughput: float
    cap: float
    metric: str
    value_s: float
    least_mean_s: float
    think_s: float

    @property
    def holds(self) -> bool:
        """Tell whether the reported throughput is possible."""
        return self.throughput <= self.cap * (1 + ROUNDING)


def measure_reported(trial: ReportedTrial) -> Measurement:
    """Turn reported figures into a measurement without intervals; not valid where the figures break a law."""
    claim = Caveat(code=REPORTED, text="reported, not measured: no interval, and no raw data to check", cure=_CURE)
    broken = tuple(contradictions(trial))
    return Measurement(
        treatment=dict(trial.treatment),
        operation=ALL_OPERATIONS,
        valid=not broken,
        caveats=(claim, *broken),
        metrics={name: Estimate(value, value, value, 0.95, 1, _unit(name)) for name, value in trial.metrics.items()},
    )


def contradictions(trial: ReportedTrial) -> Iterator[Caveat]:
    """Name each law the figures break among themselves."""
    bound = closed_loop_bound(trial)
    if bound is not None and not bound.holds:
        yield Caveat(
            code=laws.OPERATIONAL_BOUND,
            text=f"not possible under Little's law: {number(bound.clients)} clients with {bound.metric} "
            f"{seconds(bound.value_s)} have a mean of at least {seconds(bound.least_mean_s)} and can do at most "
            f"{rate(bound.cap)}, reported are {rate(bound.throughput)}",
            cure=_CURE,
            invalidates=True,
        )
    yield from _disorder(trial)
    yield from _overfull_pool(trial)


def closed_loop_bound(trial: ReportedTrial) -> Bound | None:
    """Return the tightest bound N / (R + Z) that a reported response time sets; None without clients or figures.

    A mean is taken as it is; a quantile implies one by Markov's inequality: mean >= (1 - q) x quantile.
    """
    clients, throughput = trial.treatment.get("load.clients"), trial.metrics.get("throughput")
    if not isinstance(clients, int) or throughput is None:
        return None
    think_s = _think_s(trial)
    bounds = []
    for statistic in ("mean", *QUANTILES):
        metric = f"response_time.{statistic}"
        value = trial.metrics.get(metric)
        if value is None or value <= 0:
            continue
        least = value if statistic == "mean" else queueing.least_mean(QUANTILES[statistic], value)
        cap = queueing.throughput_bound(clients, least, think_s)
        bounds.append(Bound(clients, throughput, cap, metric, value, least, think_s))
    return min(bounds, key=lambda bound: bound.cap, default=None)


def _unit(metric: str) -> str:
    if metric in _UNITS:
        return _UNITS[metric]
    return "s" if "." in metric else "1"


def _think_s(trial: ReportedTrial) -> float:
    text = trial.treatment.get("load.think_time", "0s")
    return Duration.parse(text).seconds


def _disorder(trial: ReportedTrial) -> Iterator[Caveat]:
    """Check that higher quantiles are not smaller, and that means lie between their least value and the maximum."""
    for duration in sorted({name.partition(".")[0] for name in trial.metrics if "." in name}):
        known = [
            (name, trial.metrics[f"{duration}.{name}"]) for name in _ORDER if f"{duration}.{name}" in trial.metrics
        ]
        for (lower, small), (higher, large) in itertools.pairwise(known):
            if small > large * (1 + ROUNDING):
                yield _impossible(f"{duration}.{lower} {seconds(small)} is above {higher} {seconds(large)}")
        mean = trial.metrics.get(f"{duration}.mean")
        if mean is None:
            continue
        for name, value in known:
            least = queueing.least_mean(QUANTILES[name], value) if name in QUANTILES else 0.0
            if mean * (1 + ROUNDING) < least:
                yield _impossible(
                    f"{duration}.mean {seconds(mean)} is below {seconds(least)}, the least that {name} "
                    f"{seconds(value)} allows (Markov)"
                )
            if name == "max" and mean > value * (1 + ROUNDING):
                yield _impossible(f"{duration}.mean {seconds(mean)} is above its maximum {seconds(value)}")


def _overfull_pool(trial: ReportedTrial) -> Iterator[Caveat]:
    size, throughput = trial.treatment.get("pool.size"), trial.metrics.get("throughput")
    held = trial.metrics.get("hold_time.mean", trial.metrics.get("service_time.mean"))
    if not isinstance(size, int) or throughput is None or held is None:
        return
    busy = queueing.utilisation(throughput, held, size)
    if busy > 1 + ROUNDING:
        yield Caveat(
            code=laws.UTILISATION_LAW,
            text=f"not possible under the utilisation law: {rate(throughput)} that hold a connection for "
            f"{seconds(held)} keep {number(throughput * held)} connections busy, the pool has {size}",
            cure=_CURE,
            invalidates=True,
        )


def _impossible(text: str) -> Caveat:
    return Caveat(code="impossible-figures", text=text, cure=_CURE, invalidates=True)
