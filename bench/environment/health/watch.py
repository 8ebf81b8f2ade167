"""Reads server and pooler together; a part that is lost is named, and tried again at the next reading."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from importlib import resources
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import psycopg

from bench.environment.health.pooler import PoolerProbe
from bench.environment.health.server import ServerProbe
from bench.model.errors import ScenarioError, SetupError
from bench.model.facts import Caveat
from bench.model.health import Health, between
from bench.model.thresholds import parse_thresholds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.model.endpoint import Endpoint
    from bench.model.health import Interval, ServerHealth
    from bench.model.thresholds import Thresholds

WINDOW_S = 60.0
"""Ratios and counts are of the last minute: shorter ones jump, longer ones hide what has just begun."""

NO_CONSOLE = Caveat(
    code="pooler-unobserved",
    text="the pooler's admin console was not named, so pools, waiting clients and maxwait are unknown",
    cure="Name it with `--pooler-admin-dsn` (a user in `stats_users` is enough).",
)

_Value = TypeVar("_Value")
_Value_co = TypeVar("_Value_co", covariant=True)


class _Probe(Protocol[_Value_co]):
    def read(self) -> _Value_co: ...

    def close(self) -> None: ...


class _Part(Generic[_Value]):
    """One thing to read: connected when it can be, given up and opened again when it does not answer."""

    def __init__(self, connect: Callable[[], _Probe[_Value]]) -> None:
        self._connect = connect
        self.probe: _Probe[_Value] | None = None
        self.lost = ""

    def read(self) -> _Value | None:
        try:
            self.probe = self.probe or self._connect()
            found = self.probe.read()
        except (psycopg.Error, SetupError) as error:
            self.close()
            words = error.evidence or error.problem if isinstance(error, SetupError) else str(error)
            self.lost = " ".join(words.split())
            return None
        self.lost = ""
        return found

    def close(self) -> None:
        if self.probe is not None:
            with contextlib.suppress(psycopg.Error):
                self.probe.close()
        self.probe = None


class Watch:
    """What is monitored. The first reading raises ``SetupError`` where something cannot be reached at all."""

    def __init__(self, server: Endpoint, console: Endpoint | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = _Part(lambda: ServerProbe(server))
        self._pooler = _Part(lambda: PoolerProbe(console)) if console is not None else None
        self._clock = clock
        self._past: deque[tuple[float, ServerHealth]] = deque()
        self._met = False

    def close(self) -> None:
        """Disconnect."""
        self._server.close()
        if self._pooler:
            self._pooler.close()

    def read(self) -> Health:
        """Read both once."""
        now_s, server = self._clock(), self._server.read()
        pooler = self._pooler.read() if self._pooler else None
        parts = {"server": self._server.lost, "pooler": self._pooler.lost if self._pooler else ""}
        unreachable = {name: lost for name, lost in parts.items() if lost}
        if unreachable and not self._met:
            name, words = next(iter(unreachable.items()))
            raise SetupError(
                f"the {name} cannot be monitored",
                evidence=words,
                remedy="Check address, user and password (PGPASSFILE, PGPASSWORD), and that it runs.",
            )
        self._met = True
        probe = self._server.probe
        unseen = (
            *(probe.unseen if isinstance(probe, ServerProbe) else ()),
            *(() if self._pooler else (NO_CONSOLE,)),
        )
        return Health(
            server=server,
            pooler=pooler,
            unreachable=unreachable,
            interval=self._interval(now_s, server) if server else None,
            unseen=unseen,
        )

    def _interval(self, now_s: float, server: ServerHealth) -> Interval | None:
        self._past.append((now_s, server))
        while len(self._past) > 2 and self._past[1][0] <= now_s - WINDOW_S:
            self._past.popleft()
        then_s, earlier = self._past[0]
        return between(earlier, server, now_s - then_s) if now_s > then_s else None


def shipped_thresholds() -> str:
    """Return the text of the shipped thresholds."""
    return resources.files(__package__).joinpath("thresholds.toml").read_text("utf-8")


def read_thresholds(path: Path | None) -> Thresholds:
    """Return the shipped thresholds with those of a file laid over them; raises ``ScenarioError``."""
    shipped = parse_thresholds(shipped_thresholds(), "the shipped thresholds")
    if path is None:
        return shipped
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(
            f"{path} cannot be read: {error}", remedy="Name a TOML file; `--print-thresholds` shows the shipped one."
        ) from None
    return parse_thresholds(text, str(path), shipped)
