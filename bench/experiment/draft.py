"""From statements, a file's or a server's own, to the operations of a scenario that somebody then completes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.design.draft import Draft, LeftOut
from bench.environment import migrations
from bench.environment.attached import Attachment, attach
from bench.environment.connection import connected
from bench.environment.drafting import Refusal, describe, observed_statements
from bench.environment.embedded import session
from bench.model.statement import only_reads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.environment.embedded import Where
    from bench.model.endpoint import Endpoint
    from bench.model.sql_file import Statement


@dataclass(frozen=True, slots=True)
class Source:
    """A statement to draft, and what is known of its use."""

    statement: Statement
    weight: float = 1.0
    comment: tuple[str, ...] = ()


@contextlib.contextmanager
def reach(where: Where | Attachment) -> Iterator[Endpoint]:
    """Reach the server that describes the statements: the named one, or the embedded one with our schema."""
    if isinstance(where, Attachment):
        with attach(where) as reached:
            yield reached.direct
        return
    with session(where) as environment:
        migrations.upgrade(environment.admin.dsn())
        yield environment.admin


def observed(endpoint: Endpoint, top: int) -> list[Source]:
    """Return the statements that took most of the server's time, weighted by their calls."""
    with connected(endpoint) as connection:
        found = observed_statements(connection, top)
    fewest = min((one.calls for one in found), default=1)
    sources = []
    for one in found:
        each_ms = one.total_s / one.calls * 1e3
        rate = f": {one.calls / one.seen_s:,.2f}/s since the counters were reset" if one.seen_s else ""
        comment = f"{one.calls:,} calls took {one.total_s:,.1f} s together, {each_ms:,.3f} ms each{rate}."
        sources.append(Source(one.statement, float(f"{one.calls / fewest:.3g}"), (comment,)))
    return sources


def draft(endpoint: Endpoint, sources: Sequence[Source], *, writes: bool) -> tuple[list[Draft], list[LeftOut]]:
    """Ask the server about each statement; without ``writes`` those that change or lock rows are left out."""
    drafts: list[Draft] = []
    left_out: list[LeftOut] = []
    with connected(endpoint) as connection:
        for source in sources:
            one = source.statement
            if not writes and not only_reads(one.sql):
                left_out.append(LeftOut(one.name, one.sql, "it changes or locks rows (`--writes` takes it)"))
                continue
            known = describe(connection, one)
            if isinstance(known, Refusal):
                left_out.append(LeftOut(one.name, one.sql, f"the server says: {known.words}"))
                continue
            drafts.append(
                Draft(one.name, one.sql, known.types, known.compared, one.names, source.weight, source.comment)
            )
    return drafts, left_out
