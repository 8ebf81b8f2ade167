"""Fuzz what reads other people's files: `python -m tests.fuzz --cases 100000 [--target NAME]`.

Every case must end with an error of ours or be taken, within five seconds and 4 GB, and touch nothing outside its run
folder. With --guided atheris chooses the cases by the code they reach. Counts are added to `results/fuzz.json` and
shown in `docs/fuzz.md`; a case that fails prints its seed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.conftest import CHECKOUT
from tests.fuzz.bounds import MOST_BYTES, within_bounds
from tests.fuzz.guided import is_available, run_guided
from tests.fuzz.targets import RunFolder, targets

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_SHOWN = 10
MOST_GUIDED_S = 3600.0
RESULTS = CHECKOUT / "results" / "fuzz.json"
PAGE = CHECKOUT / "docs" / "fuzz.md"
HEAD = """# Hostile input

Written by `python -m tests.fuzz`: files and texts that were spoilt at random. Every one has to be refused with an error
of ours or be taken, within five seconds and 4 GB of memory, and nothing outside the run folder may be read, written or
removed. Where coverage leads (`--guided`), the choices that reach lines nobody has reached are kept and varied.

| what | cases | failed | slowest case | memory at most |
|---|---|---|---|---|
"""


def run(target: Callable[[random.Random], None], cases: int, seed: int, most_s: float) -> dict[str, Any]:
    """Run cases until the number or the time is reached; returns the counts."""
    began, done, failed, slowest_s = time.monotonic(), 0, [], 0.0
    while done < cases and time.monotonic() - began < most_s:
        case = seed + done
        before = time.monotonic()
        try:
            with within_bounds():
                target(random.Random(case))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            failed.append(case)
            if len(failed) <= MOST_SHOWN:
                sys.stderr.write(f"seed {case}: {type(error).__name__}: {str(error)[:300]}\n")
        slowest_s = max(slowest_s, time.monotonic() - before)
        done += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cases": done, "failed": len(failed), "slowest_s": round(slowest_s, 3), "peak_bytes": peak}


def record(counts: dict[str, dict[str, Any]]) -> None:
    """Put the counts into the file and the page, in place of those of the same targets."""
    known: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError):
        known = json.loads(RESULTS.read_text())["targets"]
    known |= counts
    RESULTS.write_text(json.dumps({"format": 1, "kind": "fuzz", "targets": known}, indent=2) + "\n")
    cells = [
        (
            name,
            f"{one['cases']:,}",
            f"{one['failed']}",
            f"{one['slowest_s']:.2f} s"
            if "coverage" not in one
            else f"< {one['slowest_s'] + 1:.0f} s",  # told in seconds
            f"{one['peak_bytes'] / 1e6:,.0f} MB",
        )
        for name, one in known.items()
    ]
    rows = [f"| {' | '.join(each)} |" for each in cells]
    PAGE.write_text(HEAD + "\n".join(rows) + "\n")


def main() -> int:
    """Fuzz the targets that are named, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--target", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most-s", type=float, default=1e9, help="stop each target after so many seconds")
    parser.add_argument("--record", action="store_true", help="write the counts")
    parser.add_argument("--guided", action="store_true", help="let coverage lead (needs `pip install atheris`)")
    options = parser.parse_args()
    if options.guided and not is_available():
        sys.stderr.write("error: --guided needs atheris, which is no dependency: pip install atheris\n")
        return 2
    if not options.guided:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    counts = {}
    with contextlib.closing(RunFolder()) as folder:
        for chosen, target in targets(folder).items():
            if options.target and chosen not in options.target:
                continue
            name = chosen
            if options.guided:
                name, count = f"{chosen}, guided", run_guided(chosen, options.cases, min(options.most_s, MOST_GUIDED_S))
            else:
                count = run(target, options.cases, options.seed, options.most_s)
            counts[name] = count
            sys.stdout.write(f"{name}: {count}\n")
            sys.stdout.flush()
    if options.record:
        record(counts)
    return 1 if any(one["failed"] for one in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
