"""The rating lookup on Locust with psycopg_pool under gevent: the peer that our generator is compared with."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import psycopg
import psycopg_pool
from locust import User, constant, events, task

JOB: dict[str, Any] = json.loads(os.environ["LOCUST_JOB"])
_pool: psycopg_pool.ConnectionPool | None = None


@events.test_start.add_listener
def _open(**_: object) -> None:
    global _pool  # noqa: PLW0603 - Locust gives users no other way to share a pool within a process
    _pool = psycopg_pool.ConnectionPool(
        min_size=JOB["size"],
        max_size=JOB["size"],
        kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor, "prepare_threshold": 5},
    )
    _pool.wait()


@events.test_stop.add_listener
def _close(**_: object) -> None:
    if _pool is not None:
        _pool.close()


class Lookup(User):
    """One virtual user that looks rates up without a pause."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Begin somewhere else in the arguments than the others."""
        self._position = id(self) % len(JOB["arguments"])

    @task
    def look_up(self) -> None:
        """Run one lookup and report it, as Locust's documentation shows for other protocols."""
        self._position = (self._position + 1) % len(JOB["arguments"])
        start = time.perf_counter()
        with _pool.connection() as connection:  # type: ignore[union-attr]  # opened before the users start
            connection.execute(JOB["sql"], JOB["arguments"][self._position]).fetchall()
        events.request.fire(
            request_type="sql",
            name="base_rate",
            response_time=(time.perf_counter() - start) * 1000,
            response_length=0,
            exception=None,
            context={},
        )
