"""Drivers by name. A library is imported when its driver is asked for, so that a missing one names its install line."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bench.model.errors import DriverMissing, ScenarioError

if TYPE_CHECKING:
    from bench.model.ports import Driver

DRIVERS = {
    "asyncpg": ("bench.load.drivers.asyncpg", "AsyncpgDriver", "pip install asyncpg"),
    "asyncpg-queue": ("bench.load.drivers.asyncpg_queue", "AsyncpgQueueDriver", "pip install asyncpg"),
    "psycopg": ("bench.load.drivers.psycopg", "PsycopgDriver", "pip install 'psycopg[binary]' psycopg-pool"),
}


def find_driver(name: str) -> Driver:
    """Return the driver; raises ``ScenarioError`` for an unknown name and ``DriverMissing`` for a missing library."""
    if name not in DRIVERS:
        raise ScenarioError(
            f"`pool.driver` is {name!r}, which no worker can run", remedy=f"Use one of: {', '.join(DRIVERS)}."
        )
    module, attribute, install = DRIVERS[name]
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise DriverMissing(f"driver {name!r} needs the library {error.name!r}", remedy=f"Run `{install}`.") from None
    driver: Driver = found()
    return driver
