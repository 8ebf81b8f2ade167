"""What pgbench wrote down, as samples: its transaction log and its complaints. Pure: text in, values out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.model.errors import SetupError
from bench.model.sample import MISSING_NS, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]

CLIENT, _NUMBER, LATENCY_US, SCRIPT, SECONDS, MICROS, LAG_US = range(7)
WIDTH = 7
"""Columns of the log: ``client_id transaction_no time script_no time_epoch time_us [schedule_lag]``."""

_FAILURES = {"serialization": Outcome.SERIALIZATION, "deadlock": Outcome.DEADLOCK, "failed": Outcome.SQL_ERROR}
"""Words in place of the time, with ``--failures-detailed`` and without."""
_US = 1_000
_ABORTED = re.compile(r"^pgbench: error: client (?P<client>\d+) (?P<said>.*)$", re.MULTILINE)
_OF_SCRIPT = re.compile(r"\bscript (\d+)")
_LOST = ("backend died", "server closed the connection", "terminating connection", "connection to server")


@dataclass(frozen=True, slots=True)
class Aborted:
    """A client that pgbench gave up: any error but a serialization failure or a deadlock ends it for good."""

    client: int
    script: int
    outcome: Outcome
    said: str


def read_log(text: str) -> Integers:
    """Return the log of one thread as an ``(n, 7)`` array; a failed transaction has minus its outcome as time.

    The last line may be cut off where pgbench was killed. Raises ``SetupError`` for what is no such log.
    """
    whole = text[: text.rfind("\n") + 1]
    if not whole:
        return np.empty((0, WIDTH), dtype=np.int64)
    for word, outcome in _FAILURES.items():
        whole = whole.replace(f" {word} ", f" {-outcome} ")
    width = len(whole[: whole.index("\n")].split())
    try:
        cells = np.array(whole.split(), dtype=np.int64)
        table = cells.reshape(whole.count("\n"), width)
    except ValueError as error:
        raise SetupError(
            "pgbench wrote a log that is not understood",
            evidence=f"{whole[: whole.index(chr(10))]!r}: {error}",
            remedy="Use pgbench 14 to 18 (`--pg-bin`).",
        ) from None
    if width == LAG_US:  # no schedule without --rate
        table = np.column_stack([table, np.zeros(len(table), dtype=np.int64)])
    return table


def read_aborts(errors: str) -> tuple[Aborted, ...]:
    """Return the clients that pgbench names in its error output, the first thing it says of each."""
    found: dict[int, Aborted] = {}
    for match in _ABORTED.finditer(errors):
        said, client = match["said"], int(match["client"])
        script = _OF_SCRIPT.search(said)
        outcome = Outcome.SQL_ERROR
        if "expected one row, got 0" in said:
            outcome = Outcome.NO_ROWS
        elif any(text in said for text in _LOST):
            outcome = Outcome.CONNECTION_LOST
        found.setdefault(client, Aborted(client, int(script[1]) if script else 0, outcome, said))
    return tuple(found.values())


def ended_ns(table: Integers, epoch_offset_ns: int) -> Integers:
    """Return when each transaction ended, on the monotonic clock that ``epoch_offset_ns`` is ahead of."""
    ended: Integers = (table[:, SECONDS] * 1_000_000 + table[:, MICROS]) * _US - epoch_offset_ns
    return ended


def to_rows(table: Integers, operations: Sequence[int], epoch_offset_ns: int) -> Integers:
    """Return a recorder's rows. pgbench counts latency from the intended start, and lag up to the true one.

    Of a failed transaction only the end is known.
    """
    ended = ended_ns(table, epoch_offset_ns)
    failed = table[:, LATENCY_US] < 0
    intended = ended - np.where(failed, 0, table[:, LATENCY_US]) * _US
    dispatched = intended + np.where(failed, 0, table[:, LAG_US]) * _US
    outcome = np.where(failed, -table[:, LATENCY_US], int(Outcome.OK))
    operation = np.asarray(operations, dtype=np.int64)[table[:, SCRIPT]]
    return np.column_stack([intended, dispatched, dispatched, ended, ended, operation, outcome])


def rows_of_aborts(
    aborts: Iterable[Aborted], operations: Sequence[int], last_ns: dict[int, int], start_ns: int
) -> Integers:
    """Return one row for each client's last operation, at the end of the one before: nothing later is known of it."""
    rows = []
    for abort in aborts:
        instant = last_ns.get(abort.client, start_ns)
        rows.append([*[instant] * 5, operations[abort.script], int(abort.outcome)])
    return np.array(rows, dtype=np.int64).reshape(-1, 7)


def rows_in_flight(clients: Iterable[int], last_ns: dict[int, int], start_ns: int) -> Integers:
    """Return one unfinished row for each client that never came back; which operation it ran is not known."""
    rows = [
        [instant, instant, instant, MISSING_NS, MISSING_NS, 0, int(Outcome.UNFINISHED)]
        for instant in (last_ns.get(client, start_ns) for client in clients)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 7)


def last_ends_ns(table: Integers, epoch_offset_ns: int) -> dict[int, int]:
    """Return when each client last ended a transaction."""
    ended = ended_ns(table, epoch_offset_ns)
    return {int(client): int(ended[table[:, CLIENT] == client].max()) for client in np.unique(table[:, CLIENT])}


def fewest_executions(table: Integers, clients: int, statements: Sequence[int]) -> int:
    """Return how often every client has run every statement; ``statements`` numbers them by script."""
    counts = np.zeros((clients, max(statements) + 1), dtype=np.int64)
    np.add.at(counts, (table[:, CLIENT], np.asarray(statements)[table[:, SCRIPT]]), 1)
    return int(counts.min())
