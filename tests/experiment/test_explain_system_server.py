"""Plans on the distribution's PostgreSQL, which is older and can compile statements (JIT)."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bench.environment.embedded import Where, session
from tests.conftest import make_open_folder, system_bindir
from tests.experiment.planted import ROW_SECURITY, planted
from tests.experiment.test_explain import BY_CUSTOMER, BY_ID, COMMON, NO_ROW_SECURITY, TAGGED, TRANSFER, severe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.experiment.planted import Planted

pytestmark = pytest.mark.pg
EAGER = ("jit = on", "jit_above_cost = 0", "jit_inline_above_cost = 0", "jit_optimize_above_cost = 0")


@pytest.fixture(scope="module")
def subject(pgbouncer: Path | None) -> Iterator[Planted]:
    """The planted database, as it should be."""
    folder = make_open_folder()
    with session(Where(folder / ".bench", system_bindir(), pgbouncer)) as environment, planted(environment) as ready:
        yield ready
    shutil.rmtree(folder)


def test_a_healthy_database_has_no_severe_finding(subject: Planted) -> None:
    assert subject.blame(BY_ID, BY_CUSTOMER, TRANSFER) == []


def test_a_flip_and_a_blocked_index_are_found_on_it_too(subject: Planted) -> None:
    assert severe(subject.blame(COMMON)) == {"PL10-generic-flip"}
    with subject.changed(ROW_SECURITY, NO_ROW_SECURITY):
        assert severe(subject.blame(TAGGED)) == {"PL13-rls-blocked-index"}


def test_compiling_a_short_statement_is_named(subject: Planted) -> None:
    eager = "; ".join(f"ALTER DATABASE planted SET {setting}" for setting in EAGER)
    with subject.changed(eager, "ALTER DATABASE planted RESET ALL"):
        found = subject.blame(BY_CUSTOMER)
    assert severe(found) == {"PL12-jit"}
    (finding,) = (one for one in found if one.rule == "PL12-jit")
    assert finding.patch is not None
    assert finding.patch.text == "jit = 'off'\n"
