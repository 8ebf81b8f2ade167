"""How it was measured, in plain words: what the numbers mean and what was checked before they were believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.analysis.wording import count
from bench.report.sections.environment import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.measurement import Measurement
    from bench.model.scenario import Scenario

Paragraph = tuple[str, str]

_RESPONSE_TIME: Final = (
    "From the instant an operation was due to its last answer. It includes waiting to be sent and waiting for a "
    "connection, so a stall counts against every operation it delayed, not only against the one that met it. "
    "Service time begins when the connection is in hand."
)
_INTERVALS: Final = (
    "The unit of repetition is the trial, not the operation: operations of one trial share its luck. With a single "
    "trial, blocks of its window stand in for repetitions."
)
_PERCENTILES: Final = (
    "Taken from merged histograms, never averaged. They are refused where there are too few operations to bound them: "
    "p95 needs 59, p99 needs 299, p99.9 needs 2,995."
)
_FAILURES: Final = (
    "An operation that failed has no response time. It is counted beside the distribution, in the error rate and in "
    "the table of what did not succeed."
)
_LITTLE: Final = (
    "Operations in flight = throughput times response time. Both sides are measured apart; where they differ by more "
    "than 5 % the trial is not believed, whatever it shows, and it takes no part in advice and budgets."
)


def explain_method(scenario: Scenario | None, measurements: Sequence[Measurement]) -> tuple[Paragraph, ...]:
    """Return titled paragraphs; numbers of this run are named where they are known."""
    return tuple(_paragraphs(scenario, measurements))


def _paragraphs(scenario: Scenario | None, measurements: Sequence[Measurement]) -> Iterator[Paragraph]:
    yield "Response time", _RESPONSE_TIME
    if scenario is not None:
        yield "Load", f"{load_model(scenario.load).capitalize()}."
        run = scenario.run
        order = "in random order within each block" if run.order == "random" else "in the order written"
        text = f"{_repetitions(measurements, run.replicates)}, {order}, so that drift of the machine falls on all "
        yield "Trials", f"{text}alike. Each trial warmed up for {run.warmup} and counted for {run.window}."
    levels = sorted({round(100 * estimate.level) for one in measurements for estimate in one.metrics.values()})
    yield "Intervals", f"Brackets hold {levels[0] if levels else 95} % intervals. {_INTERVALS}"
    yield "Percentiles", _PERCENTILES
    yield "Failures", _FAILURES
    yield "Little's law", _LITTLE


def _repetitions(measurements: Sequence[Measurement], planned: int) -> str:
    """Say how often treatments ran: a search or an interrupted run does not repeat all of them alike."""
    times = sorted({len(one.trials) for one in measurements if one.trials})
    if len(times) > 1:
        return f"Treatments ran {times[0]} to {count(times[-1], 'time')}"
    return f"Every treatment ran {count(times[0] if times else planned, 'time')}"
