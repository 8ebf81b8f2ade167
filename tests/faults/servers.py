"""What breaks at the server, the pooler or the network between them while a run goes on.

Each story starts a run, breaks something under it and yields the run; then it mends what was broken.
"""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING

import msgspec
import psutil

from tests.faults.bed import eventually
from tests.faults.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.faults.bed import Bed, Running


# The server


def server_killed_and_restarted(bed: Bed) -> Generator[Running]:
    running = bed.start_settled(pooled=False, window="4s")
    bed.kill_server()
    time.sleep(0.5)
    bed.start_server()
    yield running


def server_killed_and_restarted_behind_pooler(bed: Bed) -> Generator[Running]:
    """Away for longer than pgBouncer lets a client wait after a failed login, so that some see the failure."""
    running = bed.start_settled(pooled=True, window="12s")
    bed.kill_server()
    time.sleep(2.0)
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
    running = bed.start_settled(pooled=True, window="4s")
    family = bed.server_processes()
    for one in family:
        one.send_signal(signal.SIGSTOP)
    time.sleep(1.0)
    for one in family:
        one.send_signal(signal.SIGCONT)
    yield running


def backends_killed(bed: Bed) -> Generator[Running]:
    running = bed.start_settled(pooled=False)
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
    running = bed.start_settled(pooled=True, window="4s")
    bed.kill_pooler()
    time.sleep(0.5)
    bed.start_pooler()
    yield running


def pooler_paused(bed: Bed) -> Generator[Running]:
    running = bed.start_settled(pooled=True, window="4s")
    bed.console(f"PAUSE {bed.pooled.dbname}")
    time.sleep(1.0)
    bed.console(f"RESUME {bed.pooled.dbname}")
    yield running


def pooler_reconnects(bed: Bed) -> Generator[Running]:
    running = bed.start_settled(pooled=True)
    bed.console(f"RECONNECT {bed.pooled.dbname}")
    yield running


def query_wait_timeout(bed: Bed) -> Generator[Running]:
    bed.configure_pooler(("query_wait_timeout", "1"))
    try:
        running = bed.start_settled(pooled=True, window="6s")
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
        running = bed.start_settled(pooled=False)
        relay.reset()
        yield running


def network_slow(bed: Bed) -> Generator[Running]:
    with _through_relay(bed) as relay:
        running = bed.start_settled(pooled=False)
        relay.delay_s = 0.05
        yield running
