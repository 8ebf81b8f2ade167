"""Break everything, one by one: `python -m tests.faults [WORD …] [--record]`. About seven minutes.

WORDs choose the faults whose name holds one of them. With --record the rows replace those of the same faults in
`results/faults.json` and `docs/faults.md`. Needs root for the small disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from typing import TYPE_CHECKING

from bench.environment.binaries import embedded_bindir
from bench.environment.embedded import Where
from tests.conftest import CHECKOUT, make_open_folder
from tests.faults.bed import fault_bed
from tests.faults.faults import FAULTS
from tests.faults.suite import provoke
from tests.faults.table import HEAD, document, read

if TYPE_CHECKING:
    from tests.faults.table import Row

RESULTS = CHECKOUT / "results" / "faults.json"
PAGE = CHECKOUT / "docs" / "faults.md"
INTRODUCTION = """# What happens when something breaks

Written by `python -m tests.faults`, which breaks real servers, poolers, connections, processes and disks under a run
of three trials, each in the middle of the second one unless its name says otherwise. A trial that is cut off by a fault
is part of the run with what it recorded, or is run again; the labels are caveats and states in the run's folder.

"""


def record(rows: list[Row]) -> None:
    """Put rows into the file and the page, in the order of the faults."""
    known = {row.fault: row for row in read(RESULTS)} | {row.fault: row for row in rows}
    table = [known[fault.name] for fault in FAULTS if fault.name in known]
    RESULTS.write_text(json.dumps(document(table), indent=2) + "\n")
    PAGE.write_text(INTRODUCTION + "\n".join([HEAD, *(row.line() for row in table)]) + "\n")


def main() -> int:
    """Run the faults that are asked for, all of them by default; tells by its exit code whether all is as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of names")
    parser.add_argument("--record", action="store_true", help="write the rows into the table")
    options = parser.parse_args()
    words = options.words
    chosen = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    root = make_open_folder()
    built = CHECKOUT / ".bench" / "pgbouncer" / "bin" / "pgbouncer"
    rows: list[Row] = []
    sys.stdout.write(HEAD + "\n")
    try:
        with fault_bed(Where(root / ".bench", embedded_bindir(), built if built.is_file() else None), root) as bed:
            for fault in chosen:
                rows.append(provoke(bed, fault))
                sys.stdout.write(rows[-1].line() + "\n")
                sys.stdout.flush()
                if options.record:  # at once: a run of all faults takes a while, and may be ended
                    record(rows)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
