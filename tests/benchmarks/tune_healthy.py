"""`python -m tests.benchmarks.tune_healthy [TIME]`: the healthy default tuned twice without contradiction.

A proven advice of one run is contradicted where the other tried the same change and found it harmful, or no effect. The
time of each tuning and how it splits stand beside. Twice the budget, which is ten minutes by default.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

from tests.benchmarks.bed import CHECKOUT
from tests.benchmarks.table import Row

SCENARIO = "rating_lookup"
CONTRADICTS = {"harmful", "no effect"}


def _tune(folder: str, budget: str | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench", "tune", str(CHECKOUT / "scenarios" / f"{SCENARIO}.toml"), "--json"]
    command += ["--warn-only", "--results", f"{folder}/results", "--reports", f"{folder}/reports"]
    command += ["--budget", budget] if budget else []
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    if done.returncode:
        raise ValueError(done.stderr)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def contradictions(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """Return the changes that are proven in one tuning and refuted in the other."""
    outcomes = [{one["title"]: one["outcome"] for one in each["candidates"]} for each in (first, second)]
    return [
        f"{title}: {mine[title]} and then {other[title]}"
        for mine, other in (outcomes, outcomes[::-1])
        for title in mine
        if mine[title] == "proven" and other.get(title) in CONTRADICTS
    ]


def main(budget: str | None) -> None:
    """Tune twice and print the row; exits with 1 where the runs contradict each other."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [_tune(folder, budget) for _ in range(2)]
    against = contradictions(*runs)
    details = []
    for number, run in enumerate(runs, 1):
        spent = {name: round(seconds, 1) for name, seconds in run["spent_s"].items()}
        worked = {name: round(seconds, 1) for name, seconds in run["work_s"].items()}
        details.append(f"tuning {number}: {sum(spent.values()):.0f} s by step {spent}, by kind of work {worked}")
        details += [f"  {one['outcome']}: {one['title']}: {one['status']}" for one in run["candidates"]]
        together = run["combination"]
        details.append(f"  together: {together['status'] if together else 'nothing was proven'}")
    row = Row(
        f"{SCENARIO} tuned twice",
        "; ".join(against) or "no proven advice is contradicted",
        "none contradicted",
        met=not against,
        details=details,
    )
    sys.stdout.write("\n".join(row.lines()) + "\n")
    raise SystemExit(0 if row.met else 1)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else None)
