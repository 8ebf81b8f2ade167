"""`bench monitor`: which servers, then reading after reading judged by thresholds."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bench.analysis.alerts import changes, judge_health
from bench.environment.attached import reach_console, reach_server
from bench.environment.embedded import Where, find_running
from bench.environment.health.watch import Watch
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.analysis.alerts import Alert
    from bench.environment.attached import Attachment
    from bench.model.health import Health
    from bench.model.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Observed:
    """One reading, what is wrong with it, and what changed since the one before."""

    at_utc: str
    health: Health
    alerts: tuple[Alert, ...]
    appeared: tuple[Alert, ...]
    cleared: tuple[Alert, ...]

    @property
    def verdict(self) -> str:
        """``fail`` if anything alerts."""
        return "fail" if self.alerts else "pass"

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints, with the ratios that follow from the readings."""
        interval, pooler = self.health.interval, self.health.pooler
        derived = {
            "hit_ratio": interval.hit_ratio if interval else None,
            "utilisation": {f"{pool.database}/{pool.user}": pool.utilisation for pool in pooler.pools}
            if pooler
            else {},
        }
        return {
            "at_utc": self.at_utc,
            "verdict": self.verdict,
            "alerts": msgspec.to_builtins(self.alerts),
            "health": msgspec.to_builtins(self.health),
            "derived": derived,
        }


class Monitor:
    """Reads and judges; ``latest`` is what others may look at meanwhile."""

    def __init__(self, watch: Watch, thresholds: Thresholds) -> None:
        self._watch = watch
        self._thresholds = thresholds
        self.latest: Observed | None = None

    def step(self) -> Observed:
        """Read once and judge."""
        health = self._watch.read()
        alerts = judge_health(health, self._thresholds)
        appeared, cleared = changes(self.latest.alerts if self.latest else (), alerts)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.latest = Observed(now, health, tuple(alerts), tuple(appeared), tuple(cleared))
        return self.latest

    def steps(self, period_s: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[Observed]:
        """Read again and again, at most every ``period_s`` seconds, until somebody stops asking."""
        while True:
            began_s = time.monotonic()
            yield self.step()
            sleep(max(0.0, began_s + period_s - time.monotonic()))

    def twice(self, period_s: float, sleep: Callable[[float], None] = time.sleep) -> Observed:
        """Read twice, so that there are differences to judge, and return the second."""
        self.step()
        sleep(period_s)
        return self.step()


@contextlib.contextmanager
def open_monitor(where: Where | Attachment, thresholds: Thresholds) -> Iterator[Monitor]:
    """Connect to what runs; nothing is started and nothing is changed. Raises ``SetupError``."""
    if isinstance(where, Where):
        environment = find_running(where) if where.state_root.is_dir() else None
        if environment is None:
            raise SetupError(
                "there is nothing to monitor: the embedded servers do not run",
                evidence=f"state folder {where.state_root}",
                remedy="Start them with `bench up`, or name a server with `--dsn` and `--pooler-admin-dsn`.",
            )
        server, console = environment.admin, environment.pooler.console
        watch = Watch(server, console)
    else:
        named = where.console_dsn
        watch = Watch(reach_server(where.dsn), reach_console(named) if named else None)
    with contextlib.closing(watch):
        yield Monitor(watch, thresholds)
