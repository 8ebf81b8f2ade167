"""Fuzzing guided by coverage, with atheris (libFuzzer for Python), which is no dependency: `pip install atheris`.

The cases are those of ``targets``, whose every choice is read from the fuzzer's bytes, so that it learns which choices
lead to lines nobody has reached yet. One process for each target: libFuzzer does not return.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from tests.fuzz.bounds import MOST_BYTES, MOST_S

if TYPE_CHECKING:
    from collections.abc import Callable

_STATISTIC = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
_COVERAGE = re.compile(r"\bcov: (\d+)")
_SLACK_S = 120.0


class Choices(random.Random):
    """Chance as bytes decide it; zeros once they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        super().__init__(0)

    def random(self) -> float:
        """Return the next number in [0, 1)."""
        return self.getrandbits(32) / 2**32

    def getrandbits(self, k: int) -> int:
        """Return the next ``k`` bits."""
        size = (k + 7) // 8
        part = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(part.ljust(size, b"\0"), "big") >> (8 * size - k)


def is_available() -> bool:
    """Tell whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def run_guided(name: str, cases: int, most_s: float) -> dict[str, Any]:
    """Fuzz one target in a process of its own; returns the counts as libFuzzer tells them."""
    with tempfile.TemporaryDirectory(prefix="poolbench-guided-") as folder:
        options = [f"-max_total_time={int(most_s)}", f"-runs={cases}", f"-timeout={int(MOST_S)}", "-max_len=512"]
        options += [f"-rss_limit_mb={MOST_BYTES >> 20}", "-print_final_stats=1", "-seed=1", folder]
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.guided", name, *options, f"-artifact_prefix={folder}/"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=most_s + _SLACK_S,
            check=False,
            env=dict(os.environ),
        )
    found = {key: int(value) for key, value in _STATISTIC.findall(done.stderr)}
    if done.returncode:
        sys.stderr.write(done.stderr[-3000:])
    if "number_of_executed_units" not in found:
        raise RuntimeError(f"libFuzzer told no statistics: {done.stderr[-1000:]}")
    return {
        "cases": found["number_of_executed_units"],
        "failed": int(done.returncode != 0),  # libFuzzer stops at the first
        "slowest_s": float(found["slowest_unit_time_sec"]),
        "peak_bytes": found["peak_rss_mb"] << 20,
        "coverage": int((_COVERAGE.findall(done.stderr) or ["0"])[-1]),
    }


def _fuzz(name: str, options: list[str]) -> None:
    import atheris  # noqa: PLC0415 - optional, and everything of ours must be imported after it

    with atheris.instrument_imports(include=["bench"]):
        from tests.fuzz.targets import RunFolder, targets  # noqa: PLC0415 - the same

    with contextlib.closing(RunFolder()) as folder:
        target: Callable[[random.Random], None] = targets(folder)[name]

        def one(data: bytes) -> None:
            target(Choices(data))

        atheris.Setup([sys.argv[0], *options], one)
        atheris.Fuzz()


if __name__ == "__main__":
    _fuzz(sys.argv[1], sys.argv[2:])
