"""`bench gate SCENARIO --against …`: both sides in one job, block by block, A B B A: what a shared runner allows."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.gate.compare import Terms, questions
from bench.analysis.gate.confirm import confirm, has_failed
from bench.analysis.gate.floors import floors_of_pairs
from bench.analysis.gate.join import join
from bench.analysis.gate.judge import judge_gate
from bench.analysis.gate.metrics import COMPARED
from bench.design.pairs import interleave
from bench.environment.embedded import Where, remove
from bench.environment.pooler_binary import find_pgbouncer
from bench.environment.state import make_state_folder
from bench.experiment.against import other_program, own_program
from bench.experiment.gate import Gated
from bench.experiment.scenario_file import read_scenario
from bench.experiment.sides import read_block, refuse_empty
from bench.model.scenario_text import Overrides
from bench.store.gates import name_gate, write_gate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.analysis.gate.result import GateResult
    from bench.analysis.gate.side import Side
    from bench.environment.attached import Attachment
    from bench.experiment.against import Program
    from bench.experiment.progress import Progress
    from bench.experiment.question import Question

PAIRS = 6
"""Pairs of blocks: a rank test of five pairs cannot reach p < 0.05, one of six can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """What is to be compared: a scenario on this program and on another side."""

    scenario: str
    against: str
    where: Where | Attachment
    overrides: Overrides
    settings: Sequence[str]
    """The overrides as they were typed, for both sides."""
    pairs: int = PAIRS
    rerun: bool = True
    """Whether a failure is measured a second time before it counts."""


def gate_against(duel: Duel, question: Question, progress: Progress) -> Gated:
    """Measure both sides interleaved and judge; raises ``ScenarioError`` and ``SetupError`` before anything is lost."""
    question.check()
    # With the budgets, so that one that could never be judged is refused before anything runs.
    asked = duel.overrides.then(Overrides(budgets=tuple(question.budgets)))
    planned = read_scenario(duel.scenario, asked, quick=False)
    gate_id = name_gate(question.results_root, datetime.now(UTC), planned.scenario.name)
    folder = question.results_root.absolute() / gate_id
    with _programs(duel) as (baseline, candidate):
        _throw_away(baseline, candidate, duel, progress)
        sides = _measure(baseline, candidate, duel, folder / "first", question, progress)
        result = _judge(*sides, question)
        if duel.rerun and has_failed(result):
            progress.note("a line failed: measuring both sides again, to confirm it")
            result = confirm(
                result, _judge(*_measure(baseline, candidate, duel, folder / "again", question, progress), question)
            )
    result = msgspec.structs.replace(result, run_id=gate_id)
    path = write_gate(folder, result)
    return Gated(result, sides[1], sides[0], path, planned.source)


def _judge(baseline: Side, candidate: Side, question: Question) -> GateResult:
    metrics = tuple(question.metrics) or COMPARED
    asked = list(questions(baseline, candidate, metrics))
    floors = floors_of_pairs(baseline, candidate, asked, question.allowed)
    terms = Terms(metrics=metrics, sizes=question.sizes, allowed=question.allowed, floors=floors, paired=True)
    return judge_gate(candidate, baseline, terms)


def _throw_away(baseline: Program, candidate: Program, duel: Duel, progress: Progress) -> None:
    """Bring both sides to the same state: data loaded, caches filled; what is measured here does not count."""
    for program in (baseline, candidate):
        progress.note(f"preparing {program.name}")
        with tempfile.TemporaryDirectory() as nowhere:
            _run(program, duel, 0, Path(nowhere))


def _measure(
    baseline: Program, candidate: Program, duel: Duel, folder: Path, question: Question, progress: Progress
) -> tuple[Side, Side]:
    blocks: dict[str, list[Side]] = {"baseline": [], "candidate": []}
    programs = {"baseline": baseline, "candidate": candidate}
    for number, (side, pair) in enumerate(interleave(duel.pairs), 1):
        program = programs[side]
        ran = _run(program, duel, pair, folder / side)
        budgets = question.budgets if side == "candidate" else ()
        blocks[side].append(read_block(ran, folder / side, budgets))
        progress.note(f"[{number}/{2 * duel.pairs}] pair {pair}, {side}: {program.name}")
    sides = (join(baseline.name, blocks["baseline"]), join(candidate.name, blocks["candidate"]))
    for one in sides:
        refuse_empty(one, one.name)
    return sides


def _run(program: Program, duel: Duel, pair: int, results: Path) -> Path:
    """Run one block: every treatment once. Both sides of a pair draw the same arguments."""
    settings = [
        argument
        for text in (*duel.settings, "run.replicates=1", f"run.seed={pair + 1}")
        for argument in ("--set", text)
    ]
    with tempfile.TemporaryDirectory() as reports:
        document = program.call(
            "run", program.scenario, *settings, *program.where,
            "--results", str(results), "--reports", reports, "--warn-only",
        )  # fmt: skip
    return Path(program.folder, str(document["path"])).resolve()


@contextlib.contextmanager
def _programs(duel: Duel) -> Iterator[tuple[Program, Program]]:
    """Unpack and start both sides; servers, data and copies are gone afterwards."""
    root = make_state_folder(duel.where.state_root if isinstance(duel.where, Where) else Path(".bench")).resolve()
    scratch = Path(tempfile.mkdtemp(prefix="gate-", dir=root))
    scratch.chmod(0o711)  # the servers' account passes through
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, scratch, ignore_errors=True)
        unpacked = scratch / "other"
        unpacked.mkdir()
        other = other_program(duel.against, duel.scenario, duel.where, scratch / "baseline", unpacked)
        own = own_program(duel.scenario, duel.where, scratch / "candidate")
        baseline, candidate = (_start(program, duel.where, root, undo) for program in (other, own))
        yield baseline, candidate


def _start(program: Program, where: Where | Attachment, root: Path, undo: contextlib.ExitStack) -> Program:
    """Start the servers that a side has for itself."""
    if program.state is None or not isinstance(where, Where):
        return program
    pgbouncer = str(find_pgbouncer(where.pgbouncer, root))
    placed = replace(program, where=(*program.where, "--pgbouncer", pgbouncer))
    undo.callback(remove, Where(program.state))
    placed.call("up", *placed.where)
    return placed
