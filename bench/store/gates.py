"""Interleaved gates in a results folder: ``gate-<UTC>-<scenario>/`` with the runs of both sides and ``gate.json``."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from bench.store import codec, layout
from bench.store.disk import FOLDER_MODE, replace_file, writing
from bench.store.names import name_run

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from bench.analysis.gate.result import GateResult


def name_gate(results_root: Path, started: datetime, scenario: str) -> str:
    """Return the first free ``gate-<UTC>-<scenario>``, ``gate-…-2``, …."""
    base = "gate-" + name_run(started, scenario, "gate").removesuffix("-gate")
    names = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))
    return next(name for name in names if not (results_root / name).exists())


def write_gate(folder: Path, result: GateResult) -> Path:
    """Write the judgement beside the runs it rests on and return its file; raises ``StoreError``."""
    path = folder / layout.GATE
    with writing(path):
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    replace_file(path, codec.encode("gate", result))
    return path
