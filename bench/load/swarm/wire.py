"""What the master and its workers tell each other, as payloads of Locust's own messages.

Locust's messages are neither encrypted nor signed. So no password travels in them (each worker is told by its own
machine where the database is), and what arrives is unpickled by a reader that knows nothing but plain values and the
types named here: a message can bring numbers and SQL, but no code.
"""

from __future__ import annotations

import io
import pickle
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bench.load.job import Failed, Ready, Share
from bench.load.recorder import COLUMNS
from bench.model import disturbance, facts, parameters, pooler, retry, sample, scenario, units

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.design.parameters import Populations
    from bench.model.facts import WorkerFacts
    from bench.model.sample import Outcome
    from bench.model.scenario import Scenario

ASSIGN: Final = "poolbench-assign"
START: Final = "poolbench-start"
END: Final = "poolbench-end"
CLOCK: Final = "poolbench-clock"
ANSWER: Final = "poolbench-answer"
"""Types of Locust messages: the first four go to workers, the last two come from them."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One worker's part of one trial."""

    scenario: Scenario
    populations: Populations
    share: Share
    seed: int
    drain_ns: int
    shown: bool
    """Whether somebody looks at Locust's own statistics, which cost CPU time."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some samples, in the order they were recorded; ``position`` counts the parts of a trial."""

    position: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """The worker's last word on a trial: how much it sent, so that nothing can be missing unseen."""

    rows: int
    parts: int
    late_ns: int
    """How long after the common start it heard of it."""
    facts: WorkerFacts
    examples: dict[Outcome, str]


Answer = Ready | Failed | Part | Finished

_OWN_MODULES: Final = (disturbance, facts, parameters, pooler, retry, sample, scenario, units)
_OWN: Final = {kind.__name__: kind for kind in (Assignment, Part, Finished)}
_PLAIN: Final = {
    "builtins": {"complex", "frozenset", "set", "range", "slice", "bytearray"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "uuid": {"UUID", "SafeUUID"},
    "ipaddress": {"IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface"},
    "zoneinfo": {"ZoneInfo"},
    "copyreg": {"__newobj__"},
    "msgspec._core": {"rebuild"},
}


class _Reader(pickle.Unpickler):
    """Knows plain values and our own types, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the types named above; anything else is refused."""
        if name in _PLAIN.get(module, ()):
            return super().find_class(module, name)
        if module == __name__ and name in _OWN:
            return _OWN[name]
        for own in _OWN_MODULES:
            kind = vars(own).get(name)
            if module == own.__name__ and isinstance(kind, type) and kind.__module__ == module:
                return kind
        for job_kind in (Share, Ready, Failed):
            if module == job_kind.__module__ and name == job_kind.__name__:
                return job_kind
        raise pickle.UnpicklingError(f"a message names {module}.{name}, which is no part of the protocol")


UNREADABLE: Final = (pickle.UnpicklingError, EOFError, AttributeError, ImportError, TypeError, ValueError)
"""What ``unpack`` raises for a message of another version, or of somebody else."""
SAME_VERSION: Final = "Install the same version of poolbench on all machines."


def pack(value: Assignment | Answer | int) -> bytes:
    """Return a payload."""
    return pickle.dumps(value, protocol=5)


def unpack(payload: bytes) -> Any:
    """Return what was packed; raises one of ``UNREADABLE`` for whatever is no part of the protocol."""
    return _Reader(io.BytesIO(payload)).load()


def pack_rows(rows: npt.NDArray[np.int64]) -> bytes:
    """Compress samples: neighbours differ little, so differences hold mostly zero bytes, which are put side by side."""
    steps = np.diff(rows, axis=0, prepend=np.zeros((1, COLUMNS), np.int64)).astype("<i8")
    planes = np.ascontiguousarray(steps.T).view(np.uint8).reshape(COLUMNS, len(rows), 8).transpose(0, 2, 1)
    return zlib.compress(planes.tobytes(), 1)


def unpack_rows(data: bytes) -> npt.NDArray[np.int64]:
    """Return the samples exactly as they were."""
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(COLUMNS, 8, -1).transpose(0, 2, 1)
    steps = np.ascontiguousarray(planes).view("<i8").reshape(COLUMNS, -1).T
    return np.cumsum(steps, axis=0, dtype=np.int64)
