"""How often a gate cries wolf, and what it sees: `python -m tests.benchmarks.gates`, on an otherwise idle machine.

Real trials on embedded servers, interleaved A B B A and judged by the gate's own code, a failure measured again as
`bench gate --against` does. The shift is planted as work: the operation counts rows, and the candidate counts so much
more of them. Neighbouring A/A gates, taken as two stored runs, show what comparing without interleaving would say.
About 45 minutes with the defaults; `--gates 2 --planted 1 --window 300ms` shows that it works.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.analysis.gate.compare import Terms, questions
from bench.analysis.gate.confirm import confirm, has_failed
from bench.analysis.gate.floors import floors_of_pairs
from bench.analysis.gate.identity import Identity
from bench.analysis.gate.join import join
from bench.analysis.gate.judge import judge_gate
from bench.analysis.gate.side import Side
from bench.analysis.measurement import Verdict
from bench.analysis.trial import summarise
from bench.design.pairs import interleave
from bench.design.plan import Trial, identify
from bench.environment.embedded import Where
from bench.environment.populations import read_populations
from bench.experiment.progress import Silence
from bench.experiment.target import open_target
from bench.experiment.trial import run_trial
from bench.model.scenario import Dataset
from bench.model.scenario_text import decode
from bench.stats.noise import minimum_detectable_effect
from bench.stats.replicates import log_ratios

if TYPE_CHECKING:
    from bench.analysis.gate.result import GateResult
    from bench.experiment.target import Target
    from bench.model.scenario import Scenario

CHECKOUT = Path(__file__).resolve().parents[2]
ROWS = 30_000
METRICS = ("throughput", "response_time.p95", "error_rate")
SAME = Identity(
    scenario="gates",
    machine="here",
    driver="asyncpg",
    pool_mode="direct",
    scale="",
    postgresql="",
    schema="",
    window="",
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where gates are run, and how."""

    target: Target
    pairs: int
    window: str

    def scenario(self, rows: int) -> Scenario:
        """Return an operation that counts so many rows."""
        raw = {
            "name": "gates",
            "load": {"model": "closed", "clients": 2},
            "pool": {"size": 2, "workers": 1},
            "pooler": {"kind": "none"},
            "run": {"warmup": "200ms", "window": self.window},
            "operation": [
                {
                    "name": "count",
                    "sql": "SELECT count(*) FROM generate_series(1, $1::int)",
                    "parameters": [{"kind": "uniform", "name": "n", "low": rows, "high": rows}],
                }
            ],
        }
        return decode(raw, "gates")

    def measure(self, shift: float) -> tuple[Side, Side]:
        """Measure both sides once, in pairs."""
        scenarios = {"baseline": self.scenario(ROWS), "candidate": self.scenario(round(ROWS * (1 + shift)))}
        blocks: dict[str, list[Side]] = {"baseline": [], "candidate": []}
        for side, pair in interleave(self.pairs):
            blocks[side].append(self._block(scenarios[side], side, pair))
        return join("baseline", blocks["baseline"]), join("candidate", blocks["candidate"])

    def _block(self, scenario: Scenario, name: str, pair: int) -> Side:
        trial = Trial(f"b{pair:02d}-t001", pair, identify(scenario, {}), pair)
        populations = read_populations(self.target.direct, scenario.operation)
        record = run_trial(self.target, scenario, trial, populations)
        summary = summarise(trial, record.facts, record.samples, scenario)
        nothing = Verdict(verdict="inconclusive", lines=())
        return Side(name, name, SAME, scenario, nothing, (), (summary,), ())


def judge(sides: tuple[Side, Side], *, paired: bool = True) -> GateResult:
    """Judge as `bench gate` does; unpaired, as it judges stored runs."""
    baseline, candidate = sides
    floors = floors_of_pairs(baseline, candidate, questions(baseline, candidate, METRICS), ()) if paired else {}
    return judge_gate(candidate, baseline, Terms(metrics=METRICS, floors=floors, paired=paired), budgets=False)


def p95_values(side: Side) -> list[float]:
    """Return each trial's p95 in seconds."""
    return [one.operations["count"].durations["response_time"].quantile_ns(0.95) / 1e9 for one in side.summaries]


def run_gates(bench: Bench, shift: float, number: int, log: Path | None) -> dict[str, Any]:
    """Run so many gates with one shift and tell how they ended."""
    ended: Counter[str] = Counter()
    unconfirmed = 0
    ratios: list[float] = []
    spreads: list[float] = []
    sides: list[tuple[Side, Side]] = []
    for gate in range(1, number + 1):
        began = time.monotonic()
        measured = bench.measure(shift)
        first = result = judge(measured)
        if has_failed(first):
            result = confirm(first, judge(bench.measure(shift)))
        logs = log_ratios(p95_values(measured[0]), p95_values(measured[1]))
        ended[result.verdict] += 1
        unconfirmed += first.verdict == "fail" and result.verdict != "fail"
        ratios.append(float(np.exp(logs.mean())))
        spreads.append(float(logs.std(ddof=1)))
        sides.append(measured)
        told = {"shift": shift, "gate": gate, "first": first.verdict, "verdict": result.verdict, "ratio": ratios[-1]}
        if log is not None:
            lines = [msgspec.to_builtins(line) for line in result.lines]
            with log.open("a") as file:
                file.write(json.dumps({**told, "lines": lines}) + "\n")
        sys.stderr.write(f"{told} {time.monotonic() - began:.0f} s\n")
    stored = Counter(judge(pair, paired=False).verdict for pair in _neighbours(sides)) if shift == 0 else Counter()
    return {
        "shift": shift,
        "gates": number,
        **{verdict: ended[verdict] for verdict in ("pass", "fail", "inconclusive")},
        "failed_once": unconfirmed,
        "median_ratio": float(np.median(ratios)),
        "sd_of_pairs": float(np.median(spreads)),
        "stored": dict(stored),
    }


def _neighbours(sides: list[tuple[Side, Side]]) -> list[tuple[Side, Side]]:
    """Take the baselines of neighbouring gates as two stored runs."""
    firsts = [baseline for baseline, _ in sides]
    return [(before, replace(now, name="later")) for before, now in itertools.pairwise(firsts)]


def main() -> None:
    """Run A/A gates and planted ones, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=40, help="A/A gates")
    parser.add_argument("--planted", type=int, default=20, help="gates for each shift")
    parser.add_argument("--shifts", default="10,25,100", help="in percent")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--window", default="1s")
    parser.add_argument("--state", type=Path, default=CHECKOUT / ".bench")
    parser.add_argument("--log", type=Path, help="file for every gate's lines, as JSON lines")
    options = parser.parse_args()
    shifts = [float(text) / 100 for text in options.shifts.split(",") if text]
    with open_target(Where(options.state), Dataset(scale=0.01), [], Silence()) as target:
        bench = Bench(target, options.pairs, options.window)
        bench.measure(0.0)  # thrown away: the first trials meet cold caches
        plan = [(0.0, options.gates), *((shift, options.planted) for shift in shifts)]
        rows = [run_gates(bench, shift, number, options.log) for shift, number in plan if number]
    sys.stdout.write(
        f"{'shift':>7} {'gates':>5} {'fail':>5} {'incon':>5} {'pass':>5}  fail, not confirmed  p95 ratio\n"
    )
    for row in rows:
        sys.stdout.write(
            f"{100 * row['shift']:>+6.0f}% {row['gates']:>5} {row['fail']:>5} {row['inconclusive']:>5} {row['pass']:>5}"
            f"  {row['failed_once']:>19}  {row['median_ratio']:.3f}\n"
        )
        if row["stored"]:
            sys.stdout.write(f"        neighbouring gates as stored runs, without a rerun: {row['stored']}\n")
    sd = float(np.median([row["sd_of_pairs"] for row in rows]))
    seen = minimum_detectable_effect(sd, options.pairs, power=0.95)
    sys.stdout.write(
        f"log p95 ratio of a pair: sd {sd:.4f}; {options.pairs} pairs see +{100 * seen:.1f} % in 19 of 20 tests\n"
    )
    sys.stdout.write(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
