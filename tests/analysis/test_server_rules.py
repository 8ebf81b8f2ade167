"""Rules about server settings: measured where the run shows the need, one list of rules of thumb otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.analysis.configuration.in_force import amount_in_force, as_written, ordinary_connections
from bench.analysis.configuration.inputs import Inputs
from bench.analysis.configuration.postgresql import recommend_postgresql
from bench.analysis.configuration.setting import GIB, MIB
from bench.model.facts import PlanFact
from tests.analysis.rules import HOST, found, one_treatment, only, severity
from tests.analysis.synthetic import LOOKUP, scenario, server_facts, statement

SETTINGS = {"max_connections": "200", "shared_buffers": "16384 8kB"}


def run_with(server: dict[str, Any], settings: dict[str, str] | None = None, **options: Any) -> Any:
    facts = {"server": server_facts(scenario(), **server)}
    return one_treatment(facts=facts, host=HOST, run={"settings": settings or SETTINGS}, **options)


def test_a_setting_in_force_is_what_the_facts_say_or_the_default() -> None:
    assert amount_in_force(SETTINGS, "shared_buffers") == 128 * MIB
    assert amount_in_force({}, "work_mem") == 4 * MIB
    assert amount_in_force({}, "jit") is None
    assert amount_in_force({}, "no_such_setting") is None
    assert ordinary_connections({"max_connections": "50", "reserved_connections": "5"}) == 42
    assert (as_written("16384 8kB"), as_written("300 s"), as_written("on")) == ("131072kB", "300s", "on")


@pytest.mark.parametrize(
    ("hits", "reads", "expected"),
    [
        (99_000, 1_000, None),
        (98_900, 1_100, "info"),
        (98_000, 2_000, "info"),
        (97_900, 2_100, "warning"),
        (50, 50, None),
    ],
)
def test_sv01_is_the_share_of_blocks_found_in_shared_buffers(hits: int, reads: int, expected: str | None) -> None:
    analysis = run_with({"database": {"blks_hit": float(hits), "blks_read": float(reads)}})
    assert severity(analysis, "SV01-shared-buffers") == expected
    if expected:
        patch = only(analysis, "SV01-shared-buffers").patch
        assert patch is not None
        assert (patch.text, patch.rollback) == ("shared_buffers = '4096MB'\n", "shared_buffers = '128MB'\n")


def test_sv01_never_asks_for_more_than_the_formula_gives() -> None:
    poor = {"database": {"blks_hit": 1000.0, "blks_read": 99_000.0}}
    finding = only(run_with(poor, {"shared_buffers": "524288 8kB"}), "SV01-shared-buffers")
    assert finding.patch is None


@pytest.mark.parametrize(
    ("per_second", "expected"), [(1.7 * MIB, None), (1.9 * MIB, "info"), (5.2 * MIB, "info"), (5.6 * MIB, "warning")]
)
def test_sv02_carries_the_wal_of_the_window_on_to_the_next_checkpoint(per_second: float, expected: str | None) -> None:
    """1 GB / 1.9 in 300 s are 1.8 MB a second."""
    row = msgspec.structs.replace(statement("insert", 100, 1.0), wal_bytes=int(2 * per_second))
    analysis = run_with({"statements": (row,)})
    assert severity(analysis, "SV02-wal-size") == expected
    if expected:
        patch = only(analysis, "SV02-wal-size").patch
        assert patch is not None
        assert patch.text == "max_wal_size = '8192MB'\n"


@pytest.mark.parametrize(("blocks", "expected"), [(0, None), (25_600, "warning")])
def test_sv03_speaks_of_statements_that_spill_and_were_not_explained(blocks: int, expected: str | None) -> None:
    """25,600 blocks of 8 kB in 100 calls are 2 MB a call."""
    row = msgspec.structs.replace(statement("insert into t select", 100, 1.0), temp_blks_written=blocks)
    analysis = run_with({"statements": (row,)})
    assert severity(analysis, "SV03-work-mem") == expected
    if expected:
        patch = only(analysis, "SV03-work-mem").patch
        assert patch is not None
        assert (patch.text, patch.rollback) == ("work_mem = '8MB'\n", "work_mem = '4MB'\n")


def test_sv03_leaves_a_statement_with_a_plan_to_its_plan() -> None:
    row = msgspec.structs.replace(statement(LOOKUP, 100, 1.0), temp_blks_written=25_600)
    plan = PlanFact(
        operation="lookup", role="app", kind="custom", sql=LOOKUP, arguments=(),
        document={"Plan": {"Node Type": "Result", "Actual Rows": 1, "Actual Loops": 1}},
    )  # fmt: skip
    assert not found(run_with({"statements": (row,)}, plans=[plan]), "SV03-work-mem")


def test_sv03_warns_where_all_sessions_together_could_take_more_than_there_is() -> None:
    row = msgspec.structs.replace(statement("insert into t select", 1, 1.0), temp_blks_written=25_600)
    assert "this role or statement only" in only(run_with({"statements": (row,)}), "SV03-work-mem").remedy


def test_what_the_hardware_suggests_is_one_list_of_rules_of_thumb_with_formula_and_inputs() -> None:
    finding = only(run_with({}), "server-settings")
    assert (finding.severity, finding.status) == ("info", "rule of thumb")
    assert {"shared_buffers", "effective_cache_size", "random_page_cost", "jit"} <= finding.evidence.keys()
    assert "memory / 4" in finding.evidence["shared_buffers"]
    assert "max_connections" not in finding.evidence
    assert finding.patch is not None
    assert "shared_buffers = '131072kB'" in finding.patch.rollback


def test_settings_that_are_as_the_formulas_give_them_are_not_listed() -> None:
    inputs = Inputs(cores=4, memory_bytes=HOST.memory_bytes, max_connections=200)
    as_advised = {setting.name: setting.value for setting in recommend_postgresql(inputs).settings}
    assert not found(run_with({}, as_advised), "server-settings")


def test_a_setting_with_evidence_is_not_listed_again() -> None:
    analysis = run_with({"database": {"blks_hit": 90_000.0, "blks_read": 10_000.0}})
    assert "shared_buffers" not in only(analysis, "server-settings").evidence


@pytest.mark.parametrize("options", [{"host": None}, {"facts": None}])
def test_nothing_is_said_of_a_machine_that_nobody_looked_at(options: dict[str, Any]) -> None:
    known: dict[str, Any] = {"facts": {"server": server_facts(scenario())}, "host": HOST, "run": {"settings": SETTINGS}}
    assert found(one_treatment(**known), "server-settings")
    assert not found(one_treatment(**{**known, **options}), "server-settings")


def test_amounts_of_the_catalogue_are_bytes() -> None:
    assert amount_in_force({"max_wal_size": "1024 MB"}, "max_wal_size") == GIB
