"""The faults: what is broken under a run, and what is promised for it."""

from __future__ import annotations

import contextlib
import os
import pty
import resource
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import psutil

from tests.faults.bed import eventually
from tests.faults.relay import Relay
from tests.faults.table import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tests.faults.bed import Bed, Running

    Start = Callable[..., Running]
    Story = Callable[[Bed], Generator[Running]]

DONE = (0, 4)
"""A run of three trials may be inconclusive."""


@dataclass(frozen=True)
class Fault:
    """``story`` starts a run, breaks something under it and yields the run; then it mends what was broken."""

    name: str
    story: Story
    promise: Promise
    attached: bool = True
    """The run uses the bed's servers; else it starts its own."""


def _settled(bed: Bed, *, pooled: bool, **options: object) -> Running:
    running = bed.start(pooled=pooled, **options)  # type: ignore[arg-type]  # passed on as they are
    bed.amid_second_trial(running)
    return running


# The server


def server_killed_and_restarted(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=False, window="4s")
    bed.kill_server()
    time.sleep(0.5)
    bed.start_server()
    yield running


def server_killed_and_restarted_behind_pooler(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=True, window="12s")
    bed.kill_server()
    time.sleep(0.5)
    bed.start_server()
    yield running


def own_server_killed(bed: Bed) -> Generator[Running]:
    arguments = ("--set", "dataset.scale=0.01")
    running = bed.start(pooled=False, attached=False, arguments=arguments)
    eventually(lambda: running.finished_trials(1), "the first trial ends")
    postmasters = [one for one in psutil.Process(running.process.pid).children() if one.name() == "postgres"]
    for one in postmasters:
        one.kill()
    yield running


def server_frozen(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=True, window="4s")
    family = bed.server_processes()
    for one in family:
        one.send_signal(signal.SIGSTOP)
    time.sleep(1.0)
    for one in family:
        one.send_signal(signal.SIGCONT)
    yield running


def backends_killed(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=False)
    load = "FROM pg_stat_activity WHERE usename = %s AND application_name <> 'poolbench'"
    bed.ask(f"SELECT count(pg_terminate_backend(pid)) {load}")
    yield running


def connections_refused(bed: Bed) -> Generator[Running]:
    bed.ask_admin(f'ALTER ROLE "{bed.direct.user}" CONNECTION LIMIT 6')
    arguments = ("--set", "pool.prewarm=false", "--set", "pool.size=8", "--set", "load.clients=12")
    try:
        yield bed.start(pooled=False, window="1s", arguments=arguments)
    finally:
        bed.ask_admin(f'ALTER ROLE "{bed.direct.user}" CONNECTION LIMIT -1')


SLOW = """
[[operation]]
name = "slow"
[[operation.step]]
sql = "SELECT set_config('statement_timeout', '20ms', true)"
[[operation.step]]
sql = "SELECT 1 FROM pg_sleep(0.1 * (random() < 0.2)::int)"
"""
CROSSED = """
[[operation]]
name = "there"
step = [
  {{ sql = "UPDATE fault_rows SET n = n + 1 WHERE id = 1" }},
  {{ sql = "SELECT 1 FROM pg_sleep(0.02)" }},
  {{ sql = "UPDATE fault_rows SET n = n + 1 WHERE id = 2" }},
]
[[operation]]
name = "back"
step = [
  {{ sql = "UPDATE fault_rows SET n = n + 1 WHERE id = 2" }},
  {{ sql = "SELECT 1 FROM pg_sleep(0.02)" }},
  {{ sql = "UPDATE fault_rows SET n = n + 1 WHERE id = 1" }},
]
""".replace("{{", "{").replace("}}", "}")
RACE = """
[[operation]]
name = "race"
step = [
  {{ sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ" }},
  {{ sql = "SELECT n FROM fault_rows WHERE id = 1" }},
  {{ sql = "UPDATE fault_rows SET n = n + 1 WHERE id = 1" }},
]
""".replace("{{", "{").replace("}}", "}")


def statement_timeout(bed: Bed) -> Generator[Running]:
    yield bed.start(pooled=True, window="1s", operation=SLOW)


def deadlocks(bed: Bed) -> Generator[Running]:
    yield bed.start(pooled=True, window="2s", operation=CROSSED)


def serialization_failures(bed: Bed) -> Generator[Running]:
    yield bed.start(pooled=True, window="1s", operation=RACE)


# The pooler


def pooler_killed_and_restarted(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=True, window="4s")
    bed.kill_pooler()
    time.sleep(0.5)
    bed.start_pooler()
    yield running


def pooler_paused(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=True, window="4s")
    bed.console(f"PAUSE {bed.pooled.dbname}")
    time.sleep(1.0)
    bed.console(f"RESUME {bed.pooled.dbname}")
    yield running


def pooler_reconnects(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=True)
    bed.console(f"RECONNECT {bed.pooled.dbname}")
    yield running


def query_wait_timeout(bed: Bed) -> Generator[Running]:
    bed.configure_pooler(("query_wait_timeout", "1"))
    try:
        running = _settled(bed, pooled=True, window="6s")
        bed.console(f"PAUSE {bed.pooled.dbname}")
        time.sleep(2.5)
        bed.console(f"RESUME {bed.pooled.dbname}")
        yield running
    finally:
        bed.configure_pooler()


# The network


@contextlib.contextmanager
def _through_relay(bed: Bed) -> Iterator[Relay]:
    straight = bed.direct
    with Relay(straight) as relay:
        bed.direct = msgspec.structs.replace(straight, port=relay.port)
        try:
            yield relay
        finally:
            bed.direct = straight


def connections_reset(bed: Bed) -> Generator[Running]:
    with _through_relay(bed) as relay:
        running = _settled(bed, pooled=False)
        relay.reset()
        yield running


def network_slow(bed: Bed) -> Generator[Running]:
    with _through_relay(bed) as relay:
        running = _settled(bed, pooled=False)
        relay.delay_s = 0.05
        yield running


# Processes of the run itself


def worker_killed(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=True)
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    yield running


def worker_out_of_memory(bed: Bed) -> Generator[Running]:
    running = _settled(bed, pooled=False)
    for pid in running.workers():
        size = psutil.Process(pid).memory_info().vms
        resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
    yield running


def _signalled(*numbers: signal.Signals) -> Story:
    def story(bed: Bed) -> Generator[Running]:
        running = _settled(bed, pooled=True)
        for number in numbers:
            running.process.send_signal(number)
            time.sleep(0.01)
        yield running

    return story


def terminal_closed(bed: Bed) -> Generator[Running]:
    """The run is the leader of a session on a terminal of its own, which goes away."""
    ours, theirs = pty.openpty()
    running = bed.start(pooled=True, prefix=("setsid", "--ctty"), terminal=theirs)
    os.close(theirs)
    while not list(running.folder.glob("results/*/trials/b*")):  # what is written there is read, so that nobody waits
        if select.select([ours], [], [], 0.05)[0]:
            os.read(ours, 65_536)
    os.close(ours)
    yield running


def two_runs_in_one_folder(bed: Bed) -> Generator[Running]:
    """Both write beside each other: no name, lock or file is shared."""
    first = bed.start(pooled=False, window="1s")
    second = bed.start(pooled=False, window="1s", folder=first.folder)
    code = second.end()
    if code not in DONE:
        raise AssertionError("".join(second.said))
    yield first


def two_resumes_of_one_run(bed: Bed) -> Generator[Running]:
    first = _settled(bed, pooled=True, window="8s")
    (partial,) = (first.folder / "results").glob("*.partial")
    second = bed.call("run", "--resume", partial.name.removesuffix(".partial"), folder=first.folder)
    if second.end() != 3 or not any("is being written already" in line for line in second.said):
        raise AssertionError("".join(second.said))
    yield first


# Limits of the machine


def disk_full(bed: Bed) -> Generator[Running]:
    """The results lie on a small disk of their own, which something else fills after the first trial."""
    folder = bed.root / "small"
    (folder / "results").mkdir(parents=True)
    disk = folder / "results"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "poolbench-test", disk], check=True)
    try:
        running = bed.start(pooled=False, folder=folder, window="2s")
        eventually(lambda: running.finished_trials(1), "the first trial ends")
        with contextlib.suppress(OSError), (disk / ".filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield running
        (disk / ".filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        yield running
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def few_descriptors(bed: Bed) -> Generator[Running]:
    arguments = ("--set", "pool.size=60", "--set", "load.clients=60")
    yield bed.start(pooled=False, prefix=("prlimit", "--nofile=40:40"), arguments=arguments)


KILLED = Promise((-9,), ("running",), resumed=True)
INTERRUPTED = Promise((130,), ("interrupted",), resumed=True)
FAULTS = (
    Fault(
        "PostgreSQL killed (-9) and started again",
        server_killed_and_restarted,
        Promise(DONE, ("server-lost", "outage"), ("connection_lost", "refused"), recovers=True),
    ),
    Fault(
        "PostgreSQL killed (-9) and started again, behind pgBouncer",
        server_killed_and_restarted_behind_pooler,
        Promise(DONE, ("server-lost", "outage"), ("connection_lost", "refused", "sql_error"), recovers=True),
    ),
    Fault(
        "the run's own PostgreSQL killed (-9)",
        own_server_killed,
        Promise((3,), ("failed",), resumed=True),
        attached=False,
    ),
    Fault("server frozen for 1 s", server_frozen, Promise(DONE, ("outage",), recovers=True)),
    Fault("backends terminated", backends_killed, Promise(DONE, outcomes=("connection_lost",))),
    Fault("too many connections", connections_refused, Promise(DONE, ("errors",), ("refused",))),
    Fault("statement timeout", statement_timeout, Promise(DONE, ("errors",), ("query_timeout",))),
    Fault("deadlock", deadlocks, Promise(DONE, ("errors",), ("deadlock",))),
    Fault("serialization failure", serialization_failures, Promise(DONE, ("errors",), ("serialization",))),
    Fault(
        "pgBouncer killed (-9) and started again",
        pooler_killed_and_restarted,
        Promise(DONE, ("pooler-lost", "outage"), ("connection_lost", "refused"), recovers=True),
    ),
    Fault("pgBouncer PAUSE for 1 s, RESUME", pooler_paused, Promise(DONE, ("outage",), recovers=True)),
    Fault("pgBouncer RECONNECT", pooler_reconnects, Promise(DONE)),
    Fault(
        "query_wait_timeout",
        query_wait_timeout,
        Promise(DONE, ("outage",), ("pool_timeout",), recovers=True),
    ),
    Fault("connections reset by a proxy", connections_reset, Promise(DONE, outcomes=("connection_lost",))),
    Fault("50 ms delay added by a proxy", network_slow, Promise(DONE, ("no-steady-state",))),
    Fault("worker killed (-9)", worker_killed, Promise(DONE, ("second-try",))),
    Fault("worker out of memory", worker_out_of_memory, Promise(DONE, ("second-try",))),
    Fault("Ctrl-C", _signalled(signal.SIGINT), INTERRUPTED),
    Fault("Ctrl-C twice", _signalled(signal.SIGINT, signal.SIGINT), INTERRUPTED),
    Fault("Ctrl-C three times", _signalled(*[signal.SIGINT] * 3), Promise((130,), resumed=True)),
    Fault("SIGTERM", _signalled(signal.SIGTERM), INTERRUPTED),
    Fault("terminal closed (SIGHUP)", terminal_closed, INTERRUPTED),
    Fault("the run itself killed (-9)", _signalled(signal.SIGKILL), KILLED),
    Fault("two runs at once in one folder", two_runs_in_one_folder, Promise(DONE)),
    Fault("a run taken up while it runs", two_resumes_of_one_run, Promise(DONE)),
    Fault("disk of the results full", disk_full, Promise((3,), resumed=True)),
    Fault("limit of open files reached", few_descriptors, Promise((2, 3), refused=True)),
)
