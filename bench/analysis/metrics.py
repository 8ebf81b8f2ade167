"""Every metric that a measurement can hold, with its unit and what it means."""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """Unit as in ``measurements.json``, and the meaning in a sentence."""

    unit: str
    meaning: str


DURATION_MEANINGS = {
    "response_time": "From the intended start to the end of the last statement: what a user waits.",
    "service_time": "From the acquired connection to the end of the last statement.",
    "pool_wait": "From the actual start to the acquired connection: the queue of the pool in the client.",
    "schedule_lag": "From the intended start to the actual start: what the load generator itself adds.",
    "hold_time": "From the acquired connection to its release: for so long nobody else can have it.",
}
"""Durations in seconds; a measurement has each of their statistics, as ``response_time.p95``."""
OTHER_METRICS = {
    "throughput": Metric("1/s", "Operations that ended well in the window, per second."),
    "offered_rate": Metric("1/s", "Operations that were to begin in the window, per second; refused in a closed loop."),
    "error_rate": Metric("1", "Share of operations that did not end well. They are outside all durations."),
    "retries_per_operation": Metric("1", "Attempts made again per operation, where the scenario retries."),
    "round_trips_per_operation": Metric("1", "Queries that pgBouncer counted per operation, reset and BEGIN included."),
    "server_assignments_per_operation": Metric("1", "How often pgBouncer assigned a server connection, per operation."),
    "cache_hit_ratio": Metric("1", "Share of blocks of tables and indexes that were found in shared buffers."),
    "buffers": Metric("blocks", "Blocks of 8 kB that one execution touches on average, in the cache or not."),
    "split.schedule_lag": Metric("s", "Part of the mean that the load generator itself adds."),
    "split.pool_wait": Metric("s", "Part of the mean that waits in the pool of the client."),
    "split.pooler_wait": Metric("s", "Part of the mean that waits in pgBouncer for a server connection."),
    "split.server": Metric("s", "Part of the mean that PostgreSQL executes, without planning and commit."),
    "split.driver_and_wire": Metric(
        "s", "The rest of the service time: driver, event loop, network, planning, commit."
    ),
    "split.release": Metric("s", "Part of the mean from the last statement to the release: the reset query."),
    "split.unexplained": Metric("s", "What the counters claim beyond the service time; negative."),
}
