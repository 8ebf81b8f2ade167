"""Everything that others wrote, at its worst: markup, quotes, control characters, turned letters, endless names."""

from __future__ import annotations

import dataclasses

import msgspec

from bench.analysis.gate.result import GateResult
from bench.analysis.gate.standing import Compared
from bench.analysis.history import Moment, Series, Turn
from bench.analysis.measurement import Finding, Patch
from bench.model.facts import Caveat
from bench.model.indexes import IndexFact
from bench.model.ledger import ClaimResult, Fault, Ledger, NotApplicable, ProvenClaim, StoredAudit
from bench.model.partitions import PartitionedTable
from bench.report.audit_page import render_audit
from bench.report.comparison_page import render_comparison
from bench.report.document import build_document
from bench.report.gate import lay_out_gate
from bench.report.history_page import render_history
from bench.report.html import render_report
from bench.report.index import IndexedComparison, IndexedRun, render_index
from bench.report.material import Material
from bench.report.sections.files import RawFile
from bench.stats.estimate import Estimate
from tests.report import recorded, samples
from tests.report.test_comparison_page import line

HOSTILE = (
    "<script>alert('1')</script> \" onload=\"x() \u202egnp.exe\u202c {{ 7 * 7 }} </code></pre></td></svg> "
    "<img src=x onerror=alert(2)> \x00\x07\x1b[31m ' & ]]> `b` $x^2$ \n" + "W" * 10_000
)
_CAVEAT = Caveat(code=HOSTILE, text=HOSTILE, cure=HOSTILE, invalidates=True)


def hostile_material() -> Material:
    """Return a run in which every text that is not ours is hostile; the numbers are those of a small sound run."""
    small = samples.material(samples.ONE_TREATMENT.replace("replicates = 5", "replicates = 2"), spoiled=None)
    finding = Finding(
        rule=HOSTILE,
        severity="high",
        status=HOSTILE,
        summary=HOSTILE,
        evidence={HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}},
        remedy=HOSTILE,
        source=HOSTILE + " https://example.org/a?b=<script>",
        patch=Patch(kind="sql", text=HOSTILE, rollback=HOSTILE),
    )
    measurements = [
        msgspec.structs.replace(
            one,
            operation=one.operation if one.operation == "*" else HOSTILE,
            treatment={**one.treatment, "pool.driver": driver, HOSTILE: HOSTILE},
            caveats=caveats,
            outcomes={"ok": 1, HOSTILE: 2},
            valid=not caveats,
        )
        for one in small.measurements
        for driver, caveats in (("asyncpg", ()), (HOSTILE, (_CAVEAT,)))
    ]
    trials = [
        dataclasses.replace(
            one,
            trial=msgspec.structs.replace(one.trial, treatment={**one.trial.treatment, HOSTILE: HOSTILE}),
            operations={
                "*": one.everything,
                **{name: dataclasses.replace(one.everything, name=name) for name in (HOSTILE, f"a second {HOSTILE}")},
            },
        )
        for one in small.trials
    ]
    assert small.verdict is not None
    lines = tuple(
        msgspec.structs.replace(each, operation=HOSTILE, treatment={HOSTILE: HOSTILE}, reason=HOSTILE)
        for each in small.verdict.lines
    )
    run = msgspec.structs.replace(
        recorded.RUN,
        run_id=HOSTILE,
        scenario=HOSTILE,
        started_utc=HOSTILE,
        commit=HOSTILE,
        command=("bench", HOSTILE),
        versions={HOSTILE: HOSTILE},
        settings={HOSTILE: HOSTILE},
        row_counts={HOSTILE: 5},
        caveats=(_CAVEAT,),
    )
    return Material(
        run=run,
        measurements=measurements,
        findings=(finding,),
        verdict=msgspec.structs.replace(small.verdict, lines=lines),
        answer=small.answer,
        standing=Compared(HOSTILE, HOSTILE, _result(), (HOSTILE, HOSTILE)),
        baseline_page=f"../{HOSTILE}",
        scenario=small.scenario,
        scenario_text=HOSTILE,
        host=msgspec.structs.replace(recorded.HOST, cpu_model=HOSTILE, details={HOSTILE: HOSTILE}),
        trials=trials,
        plans=(
            recorded.plan_fact(
                HOSTILE,
                document={"Plan": {"Node Type": HOSTILE, "Relation Name": HOSTILE, "Index Name": HOSTILE}},
            ),
            recorded.plan_fact(document={HOSTILE: [HOSTILE]}),
        ),
        partitions=(
            PartitionedTable(table=HOSTILE, key=HOSTILE, parts=(HOSTILE,), rows=1, size_bytes=1, default_rows=1),
        ),
        audit=StoredAudit(
            run_id=HOSTILE,
            subject={"server": HOSTILE},
            started_utc="2025-01-02T03:04:05+00:00",
            claims=(ProvenClaim(HOSTILE, HOSTILE, "fail", HOSTILE),),
        ),
        audit_doubts=(HOSTILE,),
        indexes=(
            IndexFact(name=HOSTILE, table=HOSTILE, definition=HOSTILE, method=HOSTILE, columns=(HOSTILE,)),
            IndexFact(name=f"two {HOSTILE}", table=HOSTILE, definition=HOSTILE, method="btree", columns=(HOSTILE,)),
        ),
        files=(RawFile(f"javascript:{HOSTILE}", HOSTILE), RawFile("//example.org/x"), RawFile("../../a b?.json")),
    )


def _result() -> GateResult:
    bad = msgspec.structs.replace(
        line(HOSTILE, 1.2, "regression", "fail"), operation=HOSTILE, reason=HOSTILE, treatment={HOSTILE: HOSTILE}
    )
    return GateResult(
        verdict="fail", scenario=HOSTILE, run_id=HOSTILE, baseline=HOSTILE, lines=(bad,), notes=(HOSTILE,)
    )


def hostile_pages() -> dict[str, str]:
    """Return every kind of page, by its place in the folder of reports, filled with hostile text."""
    runs = [
        IndexedRun(HOSTILE, f"{number} {HOSTILE}", HOSTILE, f"203{number} {HOSTILE}", "fail", HOSTILE, HOSTILE)
        for number in range(10)
    ]
    return {
        "report": render_report(build_document(hostile_material())),
        "index": render_index(runs, [IndexedComparison(f"0 {HOSTILE}", f"1 {HOSTILE}", "fail", HOSTILE)]),
        "comparison": render_comparison(lay_out_gate(_result()), HOSTILE, "run-4", {HOSTILE: "../r/index.html"}),
        "audit": render_audit(_ledger(), HOSTILE, "audit.json"),
        "history": render_history(_series(), 3, [HOSTILE]),
    }


def _ledger() -> Ledger:
    fault = Fault(HOSTILE, HOSTILE, HOSTILE)
    claim = ClaimResult(
        id="S06",
        claim=HOSTILE,
        verdict="fail",
        summary=HOSTILE,
        remedy=HOSTILE,
        faults=(fault,),
        evidence={HOSTILE: HOSTILE, "rows": [{HOSTILE: HOSTILE}]},
    )
    return Ledger(
        subject={"environment": HOSTILE, "server": HOSTILE, HOSTILE: HOSTILE},
        claims=(claim,),
        not_applicable=(NotApplicable("S11", HOSTILE, HOSTILE),),
        notes=(HOSTILE,),
        started_utc=HOSTILE,
        seconds=1.0,
    )


def _series() -> list[Series]:
    moments = tuple(
        Moment(
            run_id=f"{number} {HOSTILE}",
            started_utc=HOSTILE,
            commit=HOSTILE,
            value=Estimate(0.01, 0.009, 0.011, level=0.95, n=5, unit="s"),
        )
        for number in range(3)
    )
    turn = Turn(
        run_id=f"1 {HOSTILE}",
        before_run_id=f"0 {HOSTILE}",
        commit=HOSTILE,
        before_commit=HOSTILE,
        ratio=2.0,
        direction="worse",
        also=(HOSTILE,),
    )
    return [
        Series(
            scenario=HOSTILE,
            metric="response_time.p95",
            operation=HOSTILE,
            treatment={HOSTILE: HOSTILE},
            made_with={"host": HOSTILE, HOSTILE: HOSTILE},
            moments=moments,
            turns=(turn,),
        )
    ]
