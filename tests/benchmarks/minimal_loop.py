"""The loop an engineer would write by hand: a pool, some clients, a counter. What our generator is measured against."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from typing import Any

import asyncpg
import uvloop


async def _run(job: dict[str, Any]) -> dict[str, float]:
    arguments = itertools.cycle([tuple(values) for values in job["arguments"]])
    if job["dates"]:
        import datetime as dt  # noqa: PLC0415 - only for scenarios that pass dates

        fixed = [
            tuple(dt.date.fromisoformat(v) if i in job["dates"] else v for i, v in enumerate(values))
            for values in job["arguments"]
        ]
        arguments = itertools.cycle(fixed)
    done = 0
    async with asyncpg.create_pool(job["dsn"], min_size=job["size"], max_size=job["size"]) as pool:
        begin = time.monotonic() + job["warmup_s"]
        end = begin + job["window_s"]

        async def client() -> None:
            nonlocal done
            while time.monotonic() < end:
                async with pool.acquire() as connection:
                    await connection.fetch(job["sql"], *next(arguments))
                if begin <= time.monotonic() < end:
                    done += 1

        async def watch() -> float:
            await asyncio.sleep(begin - time.monotonic())
            first = time.process_time()
            await asyncio.sleep(end - time.monotonic())
            return time.process_time() - first

        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch())
            for _ in range(job["clients"]):
                group.create_task(client())
    return {"rate": done / float(job["window_s"]), "cpu_us": watching.result() / max(done, 1) * 1e6}


if __name__ == "__main__":
    json.dump(uvloop.run(_run(json.load(sys.stdin))), sys.stdout)
