"""Record every command in a scratch folder: ``python -m tests.recordings`` writes docs/recordings.md.

Paths, times, ports and passwords are written alike each time; what was measured is as it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.conftest import CHECKOUT, make_open_folder
from tests.recordings.sessions import QUERIES, SCENARIO, SESSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.recordings.sessions import Session

PAGE = CHECKOUT / "docs" / "recordings.md"
MOST_LINES = 40
PATIENCE_S = 120.0
EXPECTED = {"normal": {0, 1, 4}, "error": {2, 3}, "interrupted": {0, 130}}
"""Exit codes: a figure may miss its budget on a busy machine, a command may not."""
HEAD = """# What each command shows

Recorded by `python -m tests.recordings`: every command ran for real, in one folder, on one embedded environment. Where
`^C` stands the command was interrupted. Paths, times, ports and passwords are written alike each time; figures are
those of the machine it ran on.
"""
_NEUTRAL = (
    (re.compile(r"\d{8}T\d{6}Z"), "20260101T120000Z"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"), "2026-01-01T12:00:00Z"),
    (re.compile(r"127\.0\.0\.1:\d{4,5}"), "127.0.0.1:5432"),
    (re.compile(r"(://[^:/@\s]+:)[^@\s]+@"), r"\1…@"),
    (re.compile(r"(password=)\S+"), r"\1…"),
    (re.compile(r"\b(port=|port )\d{4,5}"), r"\g<1>5432"),
    (re.compile(r"\b(pid|process) \d+"), r"\1 1234"),
)


def _children(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return bool(psutil.Process(pid).children())
    return False


class Scratch:
    """The folder in which the commands are run, as a user would have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "lookup.toml").write_text(SCENARIO)
        (folder / "queries.sql").write_text(QUERIES)
        built = CHECKOUT / ".bench" / "pgbouncer"
        if built.is_dir():
            shutil.copytree(built, folder / ".bench" / "pgbouncer")
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "110",
        }

    def run(self, session: Session) -> tuple[str, int]:
        """Return what the terminal shows and the exit code."""
        log = self.folder / "terminal.log"
        log.unlink(missing_ok=True)
        with log.open("ab") as out:  # appending: the mark of an interruption stands where it happened
            process = subprocess.Popen(
                [sys.executable, "-m", "bench", *shlex.split(session.line)],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            try:
                if session.kind == "interrupted":
                    self._await(process, log, session.until)
                    with log.open("ab") as mark:
                        mark.write(b"^C\n")
                    process.send_signal(signal.SIGINT)
                code = process.wait(PATIENCE_S)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        return self.neutral(log.read_text(errors="replace")), code

    def _await(self, process: subprocess.Popen[bytes], log: Path, until: str) -> None:
        """Wait for the words after which it is interrupted or, without any, for the first process that it starts."""
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            if re.search(until, log.read_text(errors="replace")) if until else _children(process.pid):
                return
            time.sleep(0.05)

    def neutral(self, text: str) -> str:
        """Write what differs from machine to machine and from day to day alike."""
        found = text.replace(str(self.folder), "~/shop").replace(str(CHECKOUT), "~/poolbench")
        found = (
            found.replace(sys.prefix, "~/poolbench/.venv")
            .replace(str(Path.home()), "~")
            .replace("python -m bench", "bench")
        )
        for pattern, plain in _NEUTRAL:
            found = pattern.sub(plain, found)
        return found


def block(session: Session, shown: str, code: int) -> list[str]:
    """Return one recording."""
    lines = [line.rstrip() for line in shown.rstrip("\n").splitlines()]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"… and {len(lines) - MOST_LINES + 1} lines more"]
    return ["```console", f"$ bench {session.line}", *lines, f"[exit code {code}]", "```", ""]


def record(sessions: Sequence[Session]) -> tuple[str, list[str]]:
    """Run all sessions; returns the page, by command in the order of first recordings, and what was not expected."""
    from tests.cli.test_command_line import LEAVES  # noqa: PLC0415 - it imports every command

    pages: dict[tuple[str, ...], list[str]] = {}
    unexpected: list[str] = []
    root = make_open_folder()
    scratch = Scratch(root)
    try:
        for session in sessions:
            shown, code = scratch.run(session)
            sys.stderr.write(f"{code:>4}  bench {session.line}\n")
            if "Traceback" in shown or code not in EXPECTED[session.kind]:
                unexpected.append(f"bench {session.line} ended with {code}:\n{shown}")
            page = pages.setdefault(session.words(set(LEAVES)), [])
            page += [f"{session.kind.capitalize()}:", "", *block(session, shown, code)]
    finally:
        subprocess.run(
            [sys.executable, "-m", "bench", "down"],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            check=False,
        )
        shutil.rmtree(root)
    parts = [HEAD]
    for words, page in pages.items():
        parts += [f"## bench {' '.join(words)}", "", *page]
    return "\n".join(parts).rstrip("\n") + "\n", unexpected


if __name__ == "__main__":
    text, wrong = record(SESSIONS)
    PAGE.write_text(text)
    if wrong:
        raise SystemExit("not to be published:\n" + "\n".join(wrong))
