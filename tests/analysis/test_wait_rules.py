"""Rules about waits: what sessions wait for, how sure that is, and a remedy of each cause's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bench.analysis.findings.waits import latches
from bench.analysis.waits import cause_of, read_waits
from bench.model.timeline import Blocker, InputOutput, TableAccess
from bench.stats.estimate import Estimate, Refused
from tests.analysis import rules
from tests.analysis.rules import around, found, only, severity
from tests.analysis.sweeps import sweep
from tests.analysis.synthetic import scenario, server_facts, statement, summary_of
from tests.analysis.waiting import reading, timeline, waited

if TYPE_CHECKING:
    from bench.analysis.analyse import Analysis
    from bench.model.timeline import Timeline

WAITING = ("WT01-locks", "WT02-latches", "WT03-commits", "WT04-disk", "WT05-open-transactions")
OTHERS = ("PO01-queue", "PO02-overload", "pooler-saturated", "generator-saturated", "machine-saturated")


def one_treatment(clients: int = 10, **options: Any) -> Analysis:
    """Analyse slow operations: 200 in a window are enough for what is not about them."""
    return rules.one_treatment(clients, throughput=100, **options)


def facts(seen: Timeline | None, cpu_s: float = 0.5, **changes: Any) -> dict[str, Any]:
    return {"server": server_facts(scenario(), cpu_s=cpu_s, **changes), "timeline": seen}


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        ("Lock:tuple", "locks"),
        ("Lock:transactionid", "locks"),
        ("LWLock:BufferContent", "latches"),
        ("LWLock:LockManager", "latches"),
        ("BufferPin:BufferPin", "latches"),
        ("LWLock:WALInsert", "wal"),
        ("LWLock:WALWrite", "wal"),
        ("IO:WALSync", "wal"),
        ("IO:WalSync", "wal"),
        ("IO:DataFileRead", "disk"),
        ("IO:BufFileWrite", "disk"),
        ("IPC:BufferIo", "disk"),
        ("IPC:BufferIO", "disk"),
        ("IPC:SyncRep", None),
        ("Timeout:PgSleep", None),
        ("Client:ClientWrite", None),
    ],
)
def test_events_of_every_version_have_their_cause(event: str, cause: str | None) -> None:
    assert cause_of(event) == cause


@pytest.mark.parametrize("clients", [10, 40])
@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ("WT01-locks", waited({"Lock:tuple": 6, "Lock:transactionid": 1}, cpu=1)),
        ("WT02-latches", waited({"LWLock:BufferContent": 6}, cpu=2)),
        ("WT03-commits", waited({"LWLock:WALWrite": 6, "IO:WalSync": 1}, cpu=1)),
        ("WT04-disk", waited({"IO:DataFileRead": 7}, cpu=1)),
        ("WT05-open-transactions", waited({}, cpu=1, held=7)),
    ],
)
def test_each_wait_gets_its_own_finding_with_connections_to_spare_or_without(
    rule: str, seen: Timeline, clients: int
) -> None:
    """Ten connections: 40 clients queue for them, 10 do not."""
    analysis = one_treatment(clients, facts=facts(seen))
    assert [finding.rule for finding in analysis.findings if finding.rule in (*WAITING, *OTHERS)] == [rule]
    finding = only(analysis, rule)
    assert finding.status == "measured"
    shares = finding.evidence["share_of_sessions_at_work_by_wait"]
    share = shares[finding.evidence["bottleneck"]]
    assert isinstance(share, Estimate)
    assert (share.n, share.low < share.point) == (40, True)
    assert finding.severity == ("warning" if clients == 40 or rule in WAITING[:2] else "info")


def test_a_busy_server_is_overloaded_whatever_its_sessions_wait_for() -> None:
    analysis = one_treatment(40, facts=facts(waited({"Lock:tuple": 7}, cpu=1), cpu_s=7.0))
    assert [finding.rule for finding in analysis.findings if finding.rule in (*WAITING, *OTHERS)] == ["PO02-overload"]


def test_sleeping_statements_leave_a_pool_too_small() -> None:
    analysis = one_treatment(40, facts=facts(waited({"Timeout:PgSleep": 8})))
    assert [finding.rule for finding in analysis.findings if finding.rule in (*WAITING, *OTHERS)] == ["PO01-queue"]


@pytest.mark.parametrize(
    ("event", "waiting", "expected"),
    [("Lock:tuple", 3, None), ("Lock:tuple", 5, "WT01-locks"), ("IO:DataFileRead", 6, None),
     ("IO:DataFileRead", 7, "WT04-disk"), ("LWLock:WALWrite", 6, None), ("LWLock:WALWrite", 7, "WT03-commits")],
)  # fmt: skip
def test_all_of_the_interval_must_pass_the_threshold(event: str, waiting: int, expected: str | None) -> None:
    """Of 10 sessions in 40 readings, 3 are 30 % [17, 47] and 5 are 50 % [34, 66]; 6 and 7 are the same about a half."""
    analysis = one_treatment(10, facts=facts(waited({event: waiting}, cpu=10 - waiting)))
    assert [finding.rule for finding in analysis.findings if finding.rule in WAITING] == (
        [expected] if expected else []
    )


@pytest.mark.parametrize(("times", "cause"), [(7, None), (8, "locks")])
def test_fewer_than_eight_readings_decide_nothing_and_say_so(times: int, cause: str | None) -> None:
    treated = scenario()
    seen = waited({"Lock:tuple": 9}, times=times)
    waits = read_waits([summary_of(treated, timeline=seen)])
    assert waits is not None
    assert waits.cause == cause
    assert isinstance(waits.shares["locks"], Estimate if cause else Refused)


def test_readings_without_anybody_at_work_are_no_evidence() -> None:
    seen = timeline(*[reading({"Lock:tuple": 9})] * 7, *[reading({})] * 30)
    waits = read_waits([summary_of(scenario(), timeline=seen)])
    assert waits is not None
    assert waits.shares["locks"] == Refused("too few readings with a session at work to name a share", 7, 8)


def test_a_session_now_and_then_holds_nothing_back() -> None:
    seen = timeline(*[reading({"Lock:tuple": 1})] * 10, *[reading({})] * 11)
    waits = read_waits([summary_of(scenario(), timeline=seen)])
    assert waits is not None
    assert waits.at_work < 1
    assert waits.cause is None


def test_too_few_readings_stand_in_the_evidence_of_the_other_answer() -> None:
    analysis = one_treatment(40, facts=facts(waited({"Lock:tuple": 9}, times=1)))
    evidence = only(analysis, "PO01-queue").evidence
    assert isinstance(evidence["share_of_sessions_at_work_by_wait"]["locks"], Refused)
    unseen = only(one_treatment(40, facts=facts(None)), "PO01-queue").evidence
    assert unseen["what_sessions_wait_for"] == "not known: no collector read it"


# WT01


HOLDER = Blocker(ours=True, backend_type="client backend", state="idle in transaction", queryid=7)


def _locked(blocker: Blocker = HOLDER, what: str = "row lock on accounts") -> Any:
    seen = waited({"Lock:tuple": 6}, cpu=1, locked={what: 6}, blockers=(blocker,))
    known = msgspec.structs.replace(
        statement("PREPARE one (int) AS UPDATE accounts\n SET balance = $1", 9, 1.0), queryid=7
    )
    return only(one_treatment(10, facts=facts(seen, statements=(known,))), "WT01-locks")


def test_wt01_names_what_is_locked_and_who_holds_it() -> None:
    finding = _locked()
    assert finding.summary.endswith("wait for locks that others hold: row lock on accounts")
    assert finding.evidence["locked"] == {"row lock on accounts": "100 %"}
    assert finding.evidence["blocked_by"] == {
        "a session of the load, idle in transaction after UPDATE accounts SET balance = $1": "in 40 of 40 readings"
    }
    assert finding.remedy.startswith("Do not raise the pool. Shorten the transactions")
    assert "idle_in_transaction_session_timeout" in finding.remedy
    assert finding.patch is None


@pytest.mark.parametrize(
    ("what", "cure"),
    [
        ("relation lock on accounts (AccessExclusiveLock)", "lock_timeout"),
        ("advisory lock", "a key for each thing"),
        ("lock to extend accounts", "COPY"),
        ("object lock", "Shorten the transactions"),
    ],
)
def test_wt01_has_a_remedy_for_each_kind_of_lock(what: str, cure: str) -> None:
    assert cure in _locked(what=what).remedy


@pytest.mark.parametrize(
    ("blocker", "who", "cure"),
    [
        (Blocker(ours=True, backend_type="client backend", state="active", wait="IO:WalSync", queryid=7),
         "a session of the load, running UPDATE accounts SET balance = $1, waiting for IO:WalSync", ""),
        (Blocker(ours=True, backend_type="client backend", state="active"), "a session of the load, active", ""),
        (Blocker(ours=False, backend_type="client backend", state="idle in transaction"),
         "somebody else (client backend), idle in transaction", "does not belong to the load in 40 of 40"),
        (Blocker(ours=False, backend_type="autovacuum worker", state="active"),
         "somebody else (autovacuum worker), active", "wraparound"),
        (Blocker(ours=False, backend_type="hidden", state=""),
         "somebody else (hidden), doing what this role may not see", "does not belong to the load"),
    ],
)  # fmt: skip
def test_wt01_says_what_the_holder_does(blocker: Blocker, who: str, cure: str) -> None:
    finding = _locked(blocker)
    assert list(finding.evidence["blocked_by"]) == [who]
    assert cure in finding.remedy
    assert ("idle_in_transaction" in finding.remedy) == (blocker.state == "idle in transaction")


def test_wt01_says_what_was_not_read() -> None:
    evidence = only(one_treatment(10, facts=facts(waited({"Lock:tuple": 6}))), "WT01-locks").evidence
    assert evidence["locked"].startswith("not known")
    assert evidence["blocked_by"].startswith("not known")


# WT02 to WT05


@pytest.mark.parametrize(
    ("event", "cure"),
    [
        ("LWLock:BufferContent", "the same page"),
        ("LWLock:BufferMapping", "shared_buffers"),
        ("BufferPin:BufferPin", "cursors"),
        ("LWLock:LockManager", "fewer partitions"),
        ("LWLock:ProcArray", "fewer connections"),
        ("LWLock:SubtransSLRU", "savepoints"),
        ("LWLock:MultiXactMemberBuffer", "savepoints"),
        ("LWLock:Unheard", "table of wait events"),
    ],
)
def test_wt02_knows_a_cure_for_each_structure(event: str, cure: str) -> None:
    assert cure in latches.cure(event)
    finding = only(one_treatment(10, facts=facts(waited({event: 8}))), "WT02-latches")
    assert finding.summary.endswith(event)
    assert finding.remedy == f"Do not raise the pool. {latches.cure(event)}"


def test_wt03_shares_flushes_and_names_the_risk_of_asynchronous_commits() -> None:
    io = (InputOutput(backend_type="client backend", object="wal", context="normal", counts={"fsyncs": 50}),)
    seen = msgspec.structs.replace(waited({"LWLock:WALWrite": 6, "IO:WalSync": 1}), io=io)
    finding = only(one_treatment(10, facts=facts(seen, database={"xact_commit": 300.0})), "WT03-commits")
    assert finding.evidence["commits_per_flush"] == pytest.approx(6)
    for word in ("commit_delay", "loses the commits", "wal_writer_delay", "larger pool"):
        assert word in finding.remedy
    assert "Do not raise the pool" not in finding.remedy
    assert "wal_buffers" not in finding.remedy


def test_wt03_tells_the_insertion_of_records_from_the_flush() -> None:
    finding = only(
        one_treatment(10, facts=facts(waited({"LWLock:WALInsert": 8}, wal={"wal_buffers_full": 2.0}))), "WT03-commits"
    )
    assert "synchronous_commit" not in finding.remedy
    assert finding.remedy.startswith("Write less WAL")
    assert "full 10 times: raise `wal_buffers`" in finding.remedy


@pytest.mark.parametrize(
    ("event", "cure"),
    [("IO:DataFileRead", "missing index"), ("IO:AioIoCompletion", "missing index"), ("IO:BufFileWrite", "work_mem"),
     ("IO:DataFileExtend", "max_wal_size")],
)  # fmt: skip
def test_wt04_is_no_blocked_server_and_has_a_cure_for_each_kind_of_io(event: str, cure: str) -> None:
    tables = (
        TableAccess(table="quotes", heap_hit=1, heap_read=9, index_hit=1, index_read=0),
        TableAccess(table="rates", heap_hit=99, heap_read=0, index_hit=99, index_read=0),
    )
    seen = msgspec.structs.replace(waited({event: 8}), tables=tables)
    finding = only(one_treatment(10, facts=facts(seen)), "WT04-disk")
    assert cure in finding.remedy
    assert "Do not raise the pool" not in finding.remedy
    assert finding.evidence["blocks_read_by_table"] == {"quotes": 45}


def test_wt05_counts_the_statements_of_each_transaction() -> None:
    operations = [{"name": "two", "step": [{"sql": "SELECT 1"}, {"sql": "SELECT 2"}]}]
    finding = only(one_treatment(10, facts=facts(waited({}, held=8)), operations=operations), "WT05-open-transactions")
    assert finding.evidence["statements_of_transactions"] == {"two": 2}


# What others make of it


def test_a_missed_budget_points_to_what_the_sessions_wait_for() -> None:
    analysis = one_treatment(40, facts=facts(waited({"Lock:tuple": 8})), budgets=["p95 < 5ms"])
    assert "see WT01-locks, and leave the pool as it is" in only(analysis, "budget-missed").remedy


@pytest.mark.parametrize(("event", "sentences"), [("Lock:tuple", 1), ("LWLock:WALWrite", 0)])
def test_a_bigger_pool_is_ruled_out_only_where_sessions_wait_for_each_other(event: str, sentences: int) -> None:
    seen = facts(waited({event: 8}))
    analysis = sweep({40: {5: around(90), 10: around(100)}}, facts={5: seen, 10: seen})
    (finding,) = found(analysis, "best-pool-size")
    assert finding.remedy.count("a bigger pool cannot lift it") == sentences
    assert severity(analysis, "PO01-queue") is None
