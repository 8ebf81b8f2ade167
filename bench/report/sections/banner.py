"""The banner: the verdict in words, the answer in one sentence with its reasons, and what it cannot claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bench.analysis.summary import key_of
from bench.analysis.wording import count
from bench.report.numbers import interval, point, refusal
from bench.report.words import ABSENT, describe, metric_name, metric_unit, operation_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.analysis.measurement import Line, Measurement, Verdict
    from bench.design.plan import Plan
    from bench.model.facts import RunFacts
    from bench.model.scenario import Level
    from bench.report.sections.advice import Advice

State = Literal["pass", "fail", "inconclusive", "none"]
_WORDS: Final = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "none": "NOT JUDGED"}
_TILES: Final = (
    "throughput",
    "response_time.p50",
    "response_time.p95",
    "response_time.p99",
    "pool_wait.p95",
    "error_rate",
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the advised treatment."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Banner:
    """The top of the page."""

    state: State
    word: str
    sentence: str
    answer: str
    because: tuple[str, ...]
    cannot: tuple[str, ...]
    tiles_title: str
    tiles: tuple[Tile, ...]
    notices: tuple[str, ...]


def announce(
    run: RunFacts,
    plan: Plan | None,
    verdict: Verdict | None,
    advice: Advice,
    measurements: Sequence[Measurement],
    varied: Sequence[str],
) -> Banner:
    """Say first what a reader came for."""
    state: State = verdict.verdict if verdict is not None and verdict.lines else "none"
    tiles_title, tiles = _tiles(measurements, advice.treatment, varied)
    return Banner(
        state=state,
        word=_WORDS[state],
        sentence=_reason(verdict),
        answer=advice.sentence,
        because=advice.because,
        cannot=advice.cannot,
        tiles_title=tiles_title,
        tiles=tiles,
        notices=tuple(_notices(run, plan, measurements)),
    )


def _reason(verdict: Verdict | None) -> str:
    if verdict is None or not verdict.lines:
        return "The scenario sets no budget, so there is nothing to pass or fail."
    counted = [line for line in verdict.lines if line.counts]
    deciding = [line for line in counted if line.verdict == verdict.verdict]
    total = count(len(counted), "budget line that counts", "budget lines that count")
    match verdict.verdict:
        case "pass":
            return f"{total}, all kept."
        case "fail":
            first = _observation(deciding[0]) if deciding else ""
            return f"{len(deciding)} of {total} missed. {first}".strip()
        case _ if not counted:
            return "No budget line counts: no treatment was advised or measured."
        case _:
            reason = next((line.reason for line in deciding if line.reason), "")
            return f"{len(deciding)} of {total} undecided" + (f": {reason}." if reason else ".")


def _observation(line: Line) -> str:
    if line.observed is None:
        return line.reason
    unit = "%" if line.unit == "1" else line.unit
    where = "" if line.operation == "*" else f" of {operation_name(line.operation)}"
    return f"{line.budget}{where}: observed {point(line.observed, unit)} {interval(line.observed, unit)}."


def _tiles(
    measurements: Sequence[Measurement], chosen: Mapping[str, Level] | None, varied: Sequence[str]
) -> tuple[str, tuple[Tile, ...]]:
    everything = [one for one in measurements if one.operation == "*"]
    if chosen is None and len(everything) != 1:
        return "", ()
    one = (
        everything[0]
        if chosen is None
        else next((one for one in everything if key_of(one.treatment) == key_of(chosen)), None)
    )
    if one is None:
        return "", ()
    tiles = []
    for metric in _TILES:
        if metric in one.metrics:
            estimate = one.metrics[metric]
            unit = metric_unit(metric, estimate.unit)
            tiles.append(Tile(metric_name(metric).capitalize(), point(estimate, unit), interval(estimate, unit)))
        elif metric in one.refused:
            tiles.append(Tile(metric_name(metric).capitalize(), ABSENT, refusal(one.refused[metric])))
    levels = {round(100 * estimate.level) for estimate in one.metrics.values() if estimate.n > 1}
    intervals = f" ({min(levels)} % intervals in brackets)" if levels else ""
    return f"Measured with {describe(one.treatment, varied or None)}{intervals}", tuple(tiles)


def _notices(run: RunFacts, plan: Plan | None, measurements: Sequence[Measurement]) -> list[str]:
    notices = []
    done = len({trial for one in measurements for trial in one.trials})
    if run.status in ("interrupted", "failed", "running"):
        of_plan = f" after {done} of {count(len(plan.trials), 'trial')}" if plan is not None else ""
        notices.append(
            {
                "interrupted": f"The run was interrupted{of_plan}: what follows rests on the finished trials only.",
                "failed": f"The run failed{of_plan}: what follows rests on the finished trials only.",
                "running": f"The run has not finished{of_plan}: what follows rests on the finished trials only.",
            }[run.status]
        )
    if run.status == "reported":
        notices.append("These figures were stated by somebody else. There is no raw data behind them and no interval.")
    if run.quick:
        notices.append("Quick run: short windows and few replicates. Good for a first look, not for a decision.")
    everything = [one for one in measurements if one.operation == "*"]
    excluded = sum(not one.valid for one in everything)
    if excluded and excluded == len(everything):
        why = next(caveat.text for one in everything for caveat in one.caveats if caveat.invalidates)
        notices.append(f"No measurement here can be believed: {why}.")
    elif excluded:
        notices.append(
            f"{excluded} of {count(len(everything), 'treatment')} excluded because the measurement is not valid: "
            "see the doubts."
        )
    return notices
