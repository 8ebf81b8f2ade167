"""Trials of one treatment into measurements: points from merged histograms, intervals over trials, never over requests.

Invalid trials are left out where at least two valid ones remain; otherwise the measurement keeps all trials, is marked
invalid, and stays visible. A treatment with a single trial takes its intervals from blocks of time, with a caveat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import scipy

from bench.analysis.activity import hit_ratio
from bench.analysis.buffers import count_buffers
from bench.analysis.distribution import QUANTILES
from bench.analysis.duration_statistics import LEVEL, duration_statistics
from bench.analysis.measurement import ALL_OPERATIONS, Measurement
from bench.analysis.split import PARTS
from bench.analysis.summary import key_of
from bench.analysis.validity import OUTAGE
from bench.analysis.wording import count
from bench.model.facts import Caveat
from bench.model.sample import DURATIONS
from bench.stats.blocks import series_mean
from bench.stats.estimate import Estimate, Refused
from bench.stats.quantiles import smallest_n
from bench.stats.replicates import mean_interval, not_negative

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from bench.analysis.summary import OperationSummary, TrialSummary
    from bench.design.plan import Plan
    from bench.model.scenario import Level

    Known = Estimate | Refused

_WHOLE_POOLER = ("round_trips_per_operation", "server_assignments_per_operation")
_WHOLE_TABLES = Refused("the tables' counters do not tell operations apart", 0, None)


def measure_run(summaries: Iterable[TrialSummary], plan: Plan, operations: Sequence[str]) -> list[Measurement]:
    """Measure every treatment of the plan in its order, ``*`` first, then each operation."""
    trials: dict[object, list[TrialSummary]] = {}
    for summary in summaries:
        trials.setdefault(key_of(summary.trial.treatment), []).append(summary)
    names = (ALL_OPERATIONS, *operations)
    return [
        measurement
        for treatment in plan.treatments
        for measurement in combine(treatment, trials.get(key_of(treatment), []), names)
    ]


def combine(
    treatment: Mapping[str, Level], summaries: Sequence[TrialSummary], operations: Sequence[str]
) -> list[Measurement]:
    """Measure one treatment, one measurement per name in ``operations``."""
    if not summaries:
        return [_missing(treatment, name) for name in operations]
    if len(summaries[0].operations) == 2:  # ``*`` and the only operation are the same numbers
        measured = _measure(treatment, summaries, ALL_OPERATIONS)
        return [msgspec.structs.replace(measured, operation=name) for name in operations]
    return [_measure(treatment, summaries, name) for name in operations]


def usable(summaries: Sequence[TrialSummary], operation: str = ALL_OPERATIONS) -> tuple[list[TrialSummary], bool]:
    """Return the trials whose numbers count, and whether they are valid."""
    valid = [summary for summary in summaries if summary.valid_for(operation)]
    if len(valid) == len(summaries) or len(valid) >= 2:
        return valid, bool(valid)
    return list(summaries), False


def _missing(treatment: Mapping[str, Level], operation: str) -> Measurement:
    caveat = Caveat(
        code="no-trials",
        text="no trial of this treatment was finished",
        cure="Resume the run, or look at the failures of its trials.",
        invalidates=True,
    )
    return Measurement(treatment=dict(treatment), operation=operation, valid=False, caveats=(caveat,), metrics={})


def _measure(treatment: Mapping[str, Level], summaries: Sequence[TrialSummary], name: str) -> Measurement:
    used, valid = usable(summaries, name)
    known: dict[str, Known] = {}
    known |= _rates(used, name)
    for duration in DURATIONS:
        parts = [summary.operations[name].durations[duration] for summary in used]
        known |= {f"{duration}.{statistic}": value for statistic, value in duration_statistics(parts).items()}
    known |= _splits([summary.operations[name] for summary in used])
    known["buffers"] = _buffers(used, name)
    outcomes: dict[str, int] = {}
    for summary in used:
        for label, number in summary.operations[name].outcomes.items():
            outcomes[label] = outcomes.get(label, 0) + number
    return Measurement(
        treatment=dict(treatment),
        operation=name,
        valid=valid,
        caveats=_caveats(summaries, used, name, valid=valid),
        metrics={metric: value for metric, value in known.items() if isinstance(value, Estimate)},
        refused={metric: value for metric, value in known.items() if isinstance(value, Refused)},
        trials=tuple(summary.trial.id for summary in used),
        outcomes=outcomes,
    )


def _caveats(
    summaries: Sequence[TrialSummary], used: Sequence[TrialSummary], name: str, *, valid: bool
) -> tuple[Caveat, ...]:
    """Join the trials' caveats, one per code, and say what was left out."""
    found: dict[str, list[tuple[TrialSummary, Caveat]]] = {}
    for summary in used:
        for caveat in (*summary.caveats, *summary.operations[name].caveats):
            found.setdefault(caveat.code, []).append((summary, caveat))
    joined = [_join(entries, len(used)) for entries in found.values()]
    joined += _left_out([summary for summary in summaries if summary not in used], name, len(summaries), found)
    if name != ALL_OPERATIONS:
        joined += _rarity(used, name)
    if valid and len(used) == 1:
        joined.append(
            Caveat(
                code="single-trial",
                text="one trial only: the intervals come from blocks of its time and say how steady it was, "
                "not how the next trial will turn out",
                cure="Set `run.replicates` to 5 or more.",
            )
        )
    return tuple(joined)


def _left_out(left_out: Sequence[TrialSummary], name: str, trials: int, found: Container[str]) -> Iterator[Caveat]:
    """Say which trials do not count and why, and tell again the outages that are not ``found`` in one that counts."""
    if not left_out:
        return
    causes = {c.code: c for s in left_out for c in (*s.caveats, *s.operations[name].caveats) if c.invalidates}
    verb = "is" if len(left_out) == 1 else "are"
    reasons = "; ".join(f"{code} ({causes[code].text})" for code in sorted(causes))
    yield Caveat(
        code="excluded-trials",
        text=f"{len(left_out)} of {count(trials, 'trial')} {verb} left out: {reasons}",
        cure=" ".join(dict.fromkeys(causes[code].cure for code in sorted(causes))),
    )
    # What made a trial useless for advice is what somebody may want to know: how long until all was well again?
    outages = [(s, c) for s in left_out for c in s.caveats if c.code == OUTAGE]
    if outages and OUTAGE not in found:
        outage = _join(outages, 1)
        yield msgspec.structs.replace(outage, text=f"{outage.text} (in a trial that is left out)")


def _rarity(used: Sequence[TrialSummary], name: str) -> Iterator[Caveat]:
    """Say of an operation of a mix that it never ran in a window, or too rarely for a p95; failures are told apart."""
    missing = sum(not summary.operations[name].total for summary in used)
    good = sum(summary.operations[name].durations["response_time"].n for summary in used)
    needed = smallest_n(QUANTILES["p95"], LEVEL)
    if missing:
        text = f"it never ran in the window of {missing} of {count(len(used), 'trial')}"
    elif 0 < good < needed:
        text = (
            f"{count(good, 'good operation')} in {count(len(used), 'trial')}: too few for a p95, which takes {needed}"
        )
    else:
        return
    yield Caveat(
        code="rare-operation",
        text=text,
        cure="Lengthen `run.window` or raise the operation's `weight`; `bench plan` tells beforehand what is too rare.",
    )


def _join(entries: Sequence[tuple[TrialSummary, Caveat]], trials: int) -> Caveat:
    """Keep the text of the first invalidating trial, or of the first at all, and say how many trials share it."""
    distinct = {summary.trial.id for summary, _ in entries}
    caveat = next((caveat for _, caveat in entries if caveat.invalidates), entries[0][1])
    if trials == 1:
        return caveat
    text = f"{caveat.text} ({len(distinct)} of {trials} trials)"
    return msgspec.structs.replace(caveat, text=text)


def _rates(used: Sequence[TrialSummary], name: str) -> dict[str, Known]:
    operations = [summary.operations[name] for summary in used]
    rates: dict[str, Known] = {"throughput": _throughput(operations)}
    offered = [operation.offered_rate for operation in operations if operation.offered_rate is not None]
    if len(offered) == len(operations):
        rates["offered_rate"] = _over_trials(offered, "1/s")
    else:
        rates["offered_rate"] = Refused("clients offer no rate: each waits for its answer", 0, None)
    rates["error_rate"] = _error_rate(operations)
    retries = [operation.retries for operation in operations if operation.retries is not None]
    if retries and len(retries) == len(operations):
        rates["retries_per_operation"] = _over_trials(retries, "1")
    if name != ALL_OPERATIONS and len(used[0].operations) > 2:
        reason = Refused("the pooler's counters do not tell operations apart", 0, None)
        return {**rates, **dict.fromkeys(_WHOLE_POOLER, reason), "cache_hit_ratio": _WHOLE_TABLES}
    return {
        **rates,
        "round_trips_per_operation": _counter([summary.round_trips for summary in used]),
        "server_assignments_per_operation": _counter([summary.assignments for summary in used]),
        "cache_hit_ratio": _hit_ratio(used),
    }


def _throughput(operations: Sequence[OperationSummary]) -> Known:
    if len(operations) == 1:
        return not_negative(series_mean(operations[0].throughput_blocks, LEVEL, "1/s"))
    return _over_trials([operation.throughput for operation in operations], "1/s")


def _counter(values: Sequence[float | None]) -> Known:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return Refused("there is no pooler, or it does not count this", len(known), None)
    return _over_trials(known, "1")


def _hit_ratio(used: Sequence[TrialSummary]) -> Known:
    values = [hit_ratio(summary) for summary in used]
    refused = next((value for value in values if isinstance(value, Refused)), None)
    known = refused or _over_trials([value for value in values if isinstance(value, float)], "1")
    if isinstance(known, Refused) or known.high <= 1:
        return known
    return Estimate(known.point, known.low, 1.0, known.level, known.n, known.unit)


def _buffers(used: Sequence[TrialSummary], name: str) -> Known:
    values = [count_buffers(summary, name) for summary in used]
    refused = next((value for value in values if isinstance(value, Refused)), None)
    return refused or _over_trials([value for value in values if isinstance(value, float)], "blocks")


def _over_trials(values: Sequence[float], unit: str, *, signed: bool = False) -> Known:
    interval = mean_interval(values, LEVEL, unit)
    return interval if signed else not_negative(interval)


def _error_rate(operations: Sequence[OperationSummary]) -> Known:
    """Share of operations that did not end well.

    Trials without an error do not differ, which is no proof that errors are impossible: the interval is at least that
    of the pooled counts (Clopper and Pearson 1934).
    """
    total = sum(operation.total for operation in operations)
    if not total:
        return Refused("no operation belongs to the window", 0, 1)
    failed = total - sum(operation.outcomes.get("ok", 0) for operation in operations)
    counts = scipy.stats.binomtest(failed, total).proportion_ci(confidence_level=LEVEL, method="exact")
    point, low, high = failed / total, float(counts.low), float(counts.high)
    trials = mean_interval([operation.error_rate for operation in operations], LEVEL)
    if isinstance(trials, Estimate):
        half = (trials.high - trials.low) / 2
        low, high = min(low, point - half), max(high, point + half)
    return Estimate(point, max(0.0, min(low, point)), min(1.0, max(high, point)), LEVEL, len(operations), "1")


def _splits(operations: Sequence[OperationSummary]) -> dict[str, Known]:
    known: dict[str, Known] = {}
    for part in PARTS:
        values = [operation.split.parts[part] for operation in operations if part in operation.split.parts]
        if len(values) < len(operations):
            reason = next(op.split.refused[part] for op in operations if part in op.split.refused)
            known[f"split.{part}"] = Refused(reason, len(values), None)
        else:
            known[f"split.{part}"] = _over_trials(values, "s", signed=part == "unexplained")
    return known
