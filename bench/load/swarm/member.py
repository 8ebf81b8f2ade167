"""A worker in one trial, as the master sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.load.job import Failed, Ready
from bench.load.swarm.order import Returned
from bench.load.swarm.wire import SAME_VERSION, UNREADABLE, Finished, Part, unpack

if TYPE_CHECKING:
    from bench.load.job import Share

CLOCK_ROUNDS = 8
"""Exchanges from which the quickest is taken: what it took is the most by which clocks can be misjudged."""


def host_of(client_id: str) -> str:
    """Return the machine's name in an id that Locust makes of it and a random number."""
    return client_id.rpartition("_")[0] or client_id


class Member:
    """Keeps what one worker says."""

    def __init__(self, client_id: str, share: Share) -> None:
        self.client_id = client_id
        self.share = share
        self.ready: Ready | None = None
        self.failed: Failed | None = None
        self.finished: Finished | None = None
        self.heard_ns = 0
        self.offset_ns = 0
        """What to add to the master's clock for the worker's."""
        self.round_trip_ns = 0
        self.rounds = 0
        self._parts: dict[int, bytes] = {}

    def hear_time(self, sent_ns: int, there_ns: int, now_ns: int) -> None:
        """Learn from one exchange how the worker's clock stands, supposing that both ways took equally long."""
        round_trip_ns = now_ns - sent_ns
        if not self.rounds or round_trip_ns < self.round_trip_ns:
            self.round_trip_ns = round_trip_ns
            self.offset_ns = there_ns - (sent_ns + now_ns) // 2
        self.rounds += 1

    def hear(self, payload: bytes, now_ns: int) -> None:
        """Take an answer."""
        self.heard_ns = now_ns
        try:
            answer = unpack(payload)
        except UNREADABLE as error:
            answer = Failed(
                f"worker {self.share.worker} on {host_of(self.client_id)} sent what cannot be read",
                str(error),
                SAME_VERSION,
            )
        match answer:
            case Ready():
                self.ready = answer
            case Part(position=position, rows=rows):
                self._parts[position] = rows
            case Finished():
                self.finished = answer
            case Failed():
                self.failed = answer

    @property
    def complete(self) -> bool:
        """Whether everything it recorded is here."""
        return self.finished is not None and len(self._parts) >= self.finished.parts

    def give_back(self, start_ns: int) -> Returned:
        """Return what came, up to the first part that did not."""
        whole: list[bytes] = []
        while (part := self._parts.get(len(whole))) is not None:
            whole.append(part)
        return Returned(
            host=host_of(self.client_id),
            share=self.share,
            parts=tuple(whole),
            finished=self.finished if self.complete else None,
            failed=self.failed,
            heard_ns=self.heard_ns - start_ns,
            clock_error_ns=self.round_trip_ns // 2,
        )
