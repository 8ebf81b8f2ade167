"""Operations that must be refused, and transactions that lose against others: retried as asked, and counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bench.model.sample import Outcome
from tests.load.pools import ask
from tests.load.swarm.swarms import run as run_swarm
from tests.load.swarm.swarms import swarm
from tests.load.trials import run, scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment
    from bench.load.workers import Collected

pytestmark = [pytest.mark.pg, pytest.mark.usefixtures("table")]

CONFLICT = """
name = "conflict"
load = { model = "closed", clients = 4 }
pool = { size = 4, workers = 1, prewarm = false }
run = { warmup = "100ms", window = "600ms" }
[[operation]]
name = "count"
RETRY
[[operation.step]]
sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
[[operation.step]]
sql = "SELECT n FROM contract WHERE id = 1"
returns = ["n"]
[[operation.step]]
sql = "UPDATE contract SET n = $1::int + 1 WHERE id = 1 RETURNING n"
args = ["n"]
"""
RETRY = 'retry = { attempts = 50, backoff = "1ms" }'

CROSSING = """
name = "crossing"
load = { model = "closed", clients = 2 }
pool = { size = 2, workers = 1, prewarm = false }
run = { warmup = "100ms", window = "600ms" }
[[operation]]
name = "there"
retry = { attempts = 50, on = ["deadlock"], backoff = "1ms" }
step = [{ sql = "UPDATE contract SET n = n + 1 WHERE id = 1" }, { sql = "SELECT pg_sleep(0.02)" },
        { sql = "UPDATE contract SET n = n + 1 WHERE id = 2 RETURNING n" }]
[[operation]]
name = "back"
retry = { attempts = 50, on = ["deadlock"], backoff = "1ms" }
step = [{ sql = "UPDATE contract SET n = n + 1 WHERE id = 2" }, { sql = "SELECT pg_sleep(0.02)" },
        { sql = "UPDATE contract SET n = n + 1 WHERE id = 1 RETURNING n" }]
""".replace("},\n        {", "}, {")

REFUSED = """
name = "refused"
load = { model = "closed", clients = 2 }
pool = { size = 2, workers = 1 }
run = { warmup = "100ms", window = "300ms" }
[[operation]]
name = "negative"
expect = "constraint"
sql = "UPDATE contract SET n = VALUE WHERE id = 1"
"""


@pytest.fixture(params=["asyncpg", "psycopg"])
def driver(request: pytest.FixtureRequest) -> str:
    """Each way to run a transaction."""
    return str(request.param)


@pytest.fixture
def quick_deadlocks(environment: Environment) -> Iterator[None]:
    """A server that looks for deadlocks after a moment instead of a second."""
    ask(environment.admin, "ALTER DATABASE insurance SET deadlock_timeout = '5ms'")
    yield
    ask(environment.admin, "ALTER DATABASE insurance RESET deadlock_timeout")


def outcomes(collected: Collected) -> Counter[str]:
    """Count how the operations ended."""
    return Counter(Outcome(code).label for code in collected.samples.outcome.tolist())


def counted(environment: Environment) -> int:
    """Return what the transactions left in the first row."""
    return int(ask(environment.admin, "SELECT n FROM contract WHERE id = 1")[0][0])


def test_without_retries_a_lost_transaction_is_an_error(environment: Environment, driver: str) -> None:
    """The control: these clients do collide, and nothing is done about it unless asked."""
    found = run(environment, scenario(CONFLICT.replace("RETRY\n", ""), pool__driver=driver))
    assert outcomes(found)["serialization"] > 0
    assert not any(worker.retries for worker in found.workers)


def test_a_lost_transaction_is_run_again_and_counted(environment: Environment, driver: str) -> None:
    """Every operation succeeds in the end, exactly once, and the attempts that lost are on record."""
    found = run(environment, scenario(CONFLICT.replace("RETRY", RETRY), pool__driver=driver))
    assert set(outcomes(found)) == {"ok"}
    assert counted(environment) == 1 + outcomes(found)["ok"]
    assert sum(worker.retries["count"] for worker in found.workers) > 0


def test_attempts_run_out(environment: Environment) -> None:
    """Two attempts are not enough for four clients on one row: the last failure is the operation's."""
    found = run(environment, scenario(CONFLICT.replace("RETRY", RETRY.replace("50", "2"))))
    assert outcomes(found)["serialization"] > 0
    assert counted(environment) == 1 + outcomes(found)["ok"]


def test_what_the_scenario_does_not_name_is_not_retried(environment: Environment) -> None:
    """Deadlocks alone are asked for, so a serialization failure stays one."""
    only = RETRY.replace("attempts = 50", 'attempts = 50, on = ["deadlock"]')
    found = run(environment, scenario(CONFLICT.replace("RETRY", only)))
    assert outcomes(found)["serialization"] > 0


@pytest.mark.usefixtures("quick_deadlocks")
def test_deadlocks_are_retried(environment: Environment) -> None:
    """Two transactions that lock two rows in opposite order: both get through."""
    found = run(environment, scenario(CROSSING))
    assert set(outcomes(found)) == {"ok"}
    assert sum(sum(worker.retries.values()) for worker in found.workers) > 0
    assert counted(environment) == 1 + outcomes(found)["ok"]


def test_a_refusal_that_is_expected_is_a_success(environment: Environment, driver: str) -> None:
    """The database says no, as the scenario says it must."""
    found = run(environment, scenario(REFUSED.replace("VALUE", "-1"), pool__driver=driver))
    assert set(outcomes(found)) == {"ok"}
    if driver == "asyncpg":  # psycopg forgets its statements with the rollback, so nothing is rehearsed there
        assert min(worker.executions_per_connection_min for worker in found.workers) > 0


def test_what_should_be_refused_and_is_not_is_an_error(environment: Environment, driver: str) -> None:
    """A rule that has gone missing is seen."""
    found = run(environment, scenario(REFUSED.replace("VALUE", "7"), pool__driver=driver))
    assert set(outcomes(found)) == {"not_refused"}


def test_a_swarm_does_the_same(environment: Environment) -> None:
    """Locust's workers retry, count and expect refusals as ours do."""
    text = CONFLICT.replace("RETRY", RETRY) + REFUSED[REFUSED.index("[[") :].replace("VALUE", "-1")
    with swarm(environment) as running:
        found = run_swarm(running, scenario(text, pool__driver="locust", pooler__kind="none", pool__workers=2))
    assert set(outcomes(found)) == {"ok"}
    assert set(found.samples.operation.tolist()) == {0, 1}
    assert sum(worker.retries.get("count", 0) for worker in found.workers) > 0
