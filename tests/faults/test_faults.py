"""What breaks under a run is survived as promised; `python -m tests.faults` tries all of it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.cli.limits import describe_limit
from bench.environment.embedded import Where
from bench.experiment import recovery
from bench.experiment.progress import Silence
from bench.experiment.recovery import Unreachable, await_target
from bench.load.failure import describe_failure
from bench.model.endpoint import Endpoint
from bench.model.scenario_text import decode, read_raw
from tests.faults.bed import PLUS, SCENARIO, fault_bed
from tests.faults.faults import FAULTS
from tests.faults.suite import provoke

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = Endpoint(host="127.0.0.1", port=1, dbname="x", user="x", password="x")


@pytest.mark.pg
def test_a_run_survives_its_pooler_and_counts_what_that_cost(open_folder: Path, pgbouncer: Path | None) -> None:
    """The trial keeps its samples, names the outage and its length, and nothing is left behind."""
    (fault,) = (one for one in FAULTS if one.name.startswith("pgBouncer killed"))
    with fault_bed(Where(open_folder / ".bench", pgbouncer=pgbouncer), open_folder, trials=1) as bed:
        row = provoke(bed, fault)
    assert row.missed == ()
    assert row.recovered_s is not None


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


class _Gone:
    """A target whose servers do not answer."""

    admin = pooled = NOWHERE

    def __init__(self, ended: str | None) -> None:
        self._ended = ended

    def ended(self) -> str | None:
        return self._ended


@pytest.mark.parametrize(
    ("ended", "words"), [("pooler", "the pooler has ended"), (None, "did not come back within 0 s")]
)
def test_a_target_that_is_gone_for_good_ends_the_run(ended: str | None, words: str) -> None:
    text = SCENARIO.format(pooler="pgbouncer", window="1s", operation=PLUS, trials=1)
    scenario = decode(read_raw(text, "x"), "x")
    with pytest.raises(Unreachable, match=words):
        await_target(_Gone(ended), scenario, Silence(), patience_s=0)  # type: ignore[arg-type]  # all it is asked


def test_patience_outlasts_the_restart_of_a_server() -> None:
    assert recovery.PATIENCE_S >= 30


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT])
def test_a_limit_of_the_machine_is_told_with_its_cure(number: int) -> None:
    told = describe_limit(OSError(number, os.strerror(number), "/some/file"))
    assert told is not None
    assert told.exit_code == 3
    assert "/some/file" in told.problem
    assert told.evidence == errno.errorcode[number]
    assert told.remedy


def test_other_errors_of_the_system_are_bugs_and_show_as_such() -> None:
    assert describe_limit(OSError(errno.EBADF, "bad file descriptor")) is None


def _after(first: Exception) -> Exception:
    error = KeyError("something else")
    error.__context__ = first
    return error


@pytest.mark.parametrize("error", [MemoryError(), _after(MemoryError()), RuntimeError("can't start new thread")])
def test_a_worker_without_memory_is_no_bug(error: Exception) -> None:
    failed = describe_failure(1, NOWHERE, error)
    assert not failed.bug
    assert "out of memory" in failed.problem


WAITING = """
import signal, sys, time
from bench.cli.signals import obey_signals
obey_signals()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    try:
        print("first", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("left", flush=True)
"""
ENDED = """
import os, signal
from bench.cli.signals import ignore_signals, obey_signals
obey_signals()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    ignore_signals()
import atexit
atexit.register(os.kill, os.getpid(), signal.SIGINT)
raise SystemExit(130)
"""
IGNORING = """
import os, signal
from bench.cli.signals import obey_signals
obey_signals()
os.kill(os.getpid(), signal.SIGHUP)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_only_who_insists_twice_cuts_an_orderly_end_short(number: signal.Signals) -> None:
    command = ["env", "--default-signal=INT,TERM,HUP", sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "first\n"
        process.send_signal(number)
        assert "once more" in process.stderr.readline()
        process.send_signal(number)
        assert process.communicate()[0] == "left\n"


def test_a_signal_that_is_ignored_stays_so() -> None:
    command = ["env", "--ignore-signal=HUP", sys.executable, "-c", IGNORING]
    assert subprocess.run(command, check=False).returncode == 0


def test_who_insists_when_all_is_in_order_does_not_change_the_exit_code() -> None:
    command = ["env", "--default-signal=INT,TERM,HUP", sys.executable, "-c", ENDED]
    assert subprocess.run(command, check=False).returncode == 130
