"""What a pgBouncer of ours is told: the settings that a treatment may change, and the file they are written to."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.environment.process import end_process, processes_called
from bench.environment.resources import shipped_folder
from bench.model.pooler import MOST_PROCESSES

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class PoolerSettings:
    """What a treatment may change. ``extra`` holds further pairs of ``pgbouncer.ini`` by their own names."""

    mode: str = "transaction"
    pool_size: int = 20
    max_prepared_statements: int = 200
    processes: int = 1
    """Processes on one port. ``pool_size`` is that of each: they do not share server connections."""
    extra: tuple[tuple[str, str], ...] = ()


def render_ini(settings: PoolerSettings, number: int, *, tracks_statements: bool, port: int, **places: object) -> str:
    """Return the file of one process; ``places`` are the other fields of the template."""
    template = string.Template((shipped_folder("schema") / "pgbouncer.ini.tmpl").read_text())
    tracking = f"max_prepared_statements = {settings.max_prepared_statements}" if tracks_statements else ""
    text = template.substitute(places, mode=settings.mode, pool_size=settings.pool_size, tracking=tracking, port=port)
    text += "".join(f"{name} = {value}\n" for name, value in settings.extra)  # a later line wins
    if settings.processes == 1:
        return text
    peers = range(1, settings.processes + 1)
    shared = f"listen_addr = 127.0.0.1,{own_address(number)}\nso_reuseport = 1\npeer_id = {number}\n[peers]\n"
    return text + shared + "".join(f"{peer} = host={own_address(peer)} port={port}\n" for peer in peers)


def own_address(number: int) -> str:
    """Return the loopback address that only this process of several listens on."""
    return f"127.0.0.{number + 1}"


def ini_file(folder: Path, number: int = 1) -> Path:
    """Return the file that one process reads."""
    return folder / ("pgbouncer.ini" if number == 1 else f"pgbouncer-{number}.ini")


def arguments(folder: Path, number: int = 1) -> tuple[str, str]:
    """Return what one process is called with, by which it is found again."""
    return "--quiet", str(ini_file(folder, number))


def end_stray_pooler(folder: Path) -> bool:
    """End a pooler that a crash left running; tells whether there was one. For the holder of the state's lock."""
    numbers = range(1, MOST_PROCESSES + 1)
    # ``--quiet`` before the file: not an editor that has it open
    strays = [pid for number in numbers for pid in processes_called(*arguments(folder, number))]
    for pid in strays:
        end_process(pid, ())
    return bool(strays)
