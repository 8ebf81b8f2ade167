"""Where the two sides of a comparison stand: the target as it is, a clone of its database, other settings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from bench.environment.embedded import restart_server
from bench.environment.tuning.clones import Clones
from bench.environment.tuning.journal import FILE, Journal
from bench.environment.tuning.server_settings import OF_A_DATABASE, ServerSettings, contexts
from bench.environment.tuning.take_back import take_back
from bench.environment.tuning.write_cost import measure_index_costs, measure_write_costs
from bench.experiment.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self

    from bench.analysis.tuning.write_cost import WriteCost
    from bench.environment.embedded import Where
    from bench.experiment.target import Target
    from bench.model.change import Change
    from bench.model.endpoint import Endpoint

START = "start"


class Ground:
    """Applies changes of the embedded servers and takes all of them back at the end of the block."""

    def __init__(self, target: Target, where: Where, watch: Stopwatch | None = None) -> None:
        if target.environment is None:
            raise RuntimeError("only our own servers are changed")
        self._target = target
        self._where = where
        self._environment = target.environment
        self._journal = Journal(where.state_root / FILE)
        self._clones = Clones(target.admin, target.direct.user, self._journal)
        postgres = target.environment.postgres
        self._settings = ServerSettings(target.admin, postgres.data, self._journal, self._restart)
        self._contexts: dict[str, str] = {}
        self._watch = watch or Stopwatch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        take_back(self._journal, self._environment.postgres, self._restart)

    def _restart(self) -> None:
        restart_server(self._environment, self._where)
        self._target = dataclasses.replace(self._target, server_pid=self._environment.postgres.pid)

    def refuse(self, change: Change) -> str | None:
        """Say why a change cannot be made here."""
        self._contexts |= contexts(self._target.admin, list(change.server))
        unknown = [name for name in change.server if name not in self._contexts]
        fixed = [name for name in change.server if self._contexts.get(name) == "internal"]
        if unknown or fixed:
            return f"the server has no setting that could be changed by the name {', '.join(unknown + fixed)}"
        return None

    def stand(self, identity: str, change: Change, whole: Change) -> Target:
        """Return the target of one side; ``whole`` is what the comparison is about, ``change`` nothing at its start.

        Where the comparison needs a clone, both sides stand in one, so that they differ in nothing else.
        """
        own = {name: value for name, value in change.server.items() if self._contexts[name] in OF_A_DATABASE}
        everywhere = {name: value for name, value in change.server.items() if name not in own}
        with self._watch.timing("server settings"):
            self._settings.bring(everywhere)
        target = dataclasses.replace(self._target, pooler_extra=tuple(change.pooler.items()))
        if not (whole.sql or any(self._contexts[name] in OF_A_DATABASE for name in whole.server)):
            return target
        with self._watch.timing("clones"):
            name = self._clones.provide(identity, change.sql, own)
        return dataclasses.replace(
            target,
            admin=_in(target.admin, name),
            direct=_in(target.direct, name),
            pooled=None if target.pooled is None else _in(target.pooled, name),
        )

    def write_costs(self, identity: str) -> tuple[WriteCost, ...]:
        """Measure what the indexes of a change cost, in its clone; nothing where it has none."""
        name = self._clones.name(identity)
        return () if name is None else measure_write_costs(_in(self._target.admin, name), self._target.admin)

    def index_costs(self, names: Collection[str]) -> tuple[WriteCost, ...]:
        """Measure what indexes of the database cost those who write, in a clone of it that is dropped afterwards."""
        name = self._clones.provide("costs", (), {})
        try:
            return measure_index_costs(_in(self._target.admin, name), names)
        finally:
            self._clones.drop("costs")

    def leave(self, identity: str) -> None:
        """Give up the clone of a change that is decided."""
        with self._watch.timing("clones"):
            self._clones.drop(identity)


def _in(endpoint: Endpoint, database: str) -> Endpoint:
    return msgspec.structs.replace(endpoint, dbname=database)
