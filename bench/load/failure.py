"""Why a worker could not begin or go on, as its parent will tell it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from bench.load.job import Failed
from bench.model.errors import BenchError

if TYPE_CHECKING:
    from bench.model.endpoint import Endpoint


def describe_failure(worker: int, endpoint: Endpoint, error: Exception) -> Failed:
    """Tell a server that cannot be reached, which is the user's, from an error of ours."""
    causes = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
    for cause in causes:
        if isinstance(cause, BenchError):
            return Failed(cause.problem, cause.evidence, cause.remedy)
        if _was_out_of_memory(cause):
            return Failed(
                f"worker {worker} ran out of memory",
                str(cause),
                "Give it more (`ulimit -v`, the container's limit), shorten `run.window`, or use more workers.",
            )
    text = "; ".join(f"{type(cause).__name__}: {cause}" for cause in causes)
    foreign = (OSError, TimeoutError)
    if all(isinstance(cause, foreign) or type(cause).__module__.startswith(("asyncpg", "psycopg")) for cause in causes):
        return Failed(
            f"worker {worker} could not use its pool at {endpoint.host}:{endpoint.port}",
            text,
            "Check that server and pooler run, know this user, and allow so many connections; `bench doctor` helps. "
            "A pgBouncer that has used up its open files does not refuse a connection: it stops answering.",
        )
    remedy = "This is a bug in poolbench; please report it with the traceback."
    return Failed(f"worker {worker} failed: {text}", traceback.format_exc(), remedy, bug=True)


def _was_out_of_memory(error: BaseException | None) -> bool:
    """Tell whether memory ran out first: what fails next has other names, and a refused thread has a text alone."""
    while error is not None:
        if isinstance(error, MemoryError) or str(error) == "can't start new thread":
            return True
        error = error.__cause__ or error.__context__
    return False
