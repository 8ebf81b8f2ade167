"""What CI systems read of a judgement, written where they look for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from bench.report.annotations import render_annotations
from bench.report.gate import Origin, lay_out_gate
from bench.report.gate_markdown import render_comment, render_summary
from bench.report.junit import render_junit
from bench.report.sarif import render_sarif
from bench.report.sections.environment import elapsed_s
from bench.report.smaller_is_better import render_smaller_is_better
from bench.store.disk import writing
from bench.store.runs import open_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.experiment.gate import Gated
    from bench.report.gate import GateDocument
    from bench.store.reader import RunReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Files to write; what is None is not asked for. ``summary`` is appended to, as several steps share it."""

    junit: Path | None = None
    sarif: Path | None = None
    markdown: Path | None = None
    smaller_is_better: Path | None = None
    summary: Path | None = None


def lay_out(gated: Gated, results_root: Path) -> GateDocument:
    """Lay out a judgement with the scenario's lines."""
    reader = open_run(gated.candidate.folder or gated.candidate.run_id, results_root)
    facts = reader.facts
    origin = Origin(source=_source(reader, gated.source), text=reader.scenario_text)
    if facts.started_utc:  # figures that somebody reported need not say when
        seconds = elapsed_s(facts)
        origin = replace(origin, started_utc=facts.started_utc, seconds=max(0.0, seconds or 0.0))
    return lay_out_gate(gated.result, origin)


def write_outputs(gated: Gated, document: GateDocument, outputs: Outputs) -> tuple[str, ...]:
    """Write the files; returns the annotations, which go to the job's log. Raises ``StoreError``."""
    files: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (outputs.junit, lambda: render_junit(document)),
        (outputs.sarif, lambda: render_sarif(document)),
        (outputs.markdown, lambda: render_comment(document)),
        (outputs.smaller_is_better, lambda: render_smaller_is_better(gated.result)),
    )
    for path, render in files:
        if path is not None:
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(render(), encoding="utf-8")
    if outputs.summary is not None:
        with writing(outputs.summary), outputs.summary.open("a", encoding="utf-8") as file:
            file.write(render_summary(document))
    return render_annotations(document)


def _source(reader: RunReader, named: str | None) -> str:
    """Return the scenario's file as the repository knows it: the one named when it ran, if it still is there."""
    words = [named] if named else [word for word in reader.facts.command[1:] if not word.startswith("-")]
    candidates = [Path(word) for word in words if word.endswith(".toml")]
    candidates += [Path("scenarios", f"{word}.toml") for word in words if PurePath(word).name == word]
    for path in candidates:
        if path.is_file():
            here = Path.cwd()
            return (
                path.resolve().relative_to(here).as_posix() if path.resolve().is_relative_to(here) else path.as_posix()
            )
    return (reader.path / "scenario.toml").as_posix()
