"""Two runs compared, as a page: the largest changes first, each with its interval against what would matter."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench import __version__
from bench.analysis.wording import count
from bench.report.html import render_page
from bench.report.sections.change_rows import lay_out_changes
from bench.report.words import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.report.gate import GateDocument

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Run:
    """One of the two runs; ``href`` leads to its report, and is empty where there is none."""

    role: str
    run_id: str
    href: str


def render_comparison(document: GateDocument, baseline: str, candidate: str, links: Mapping[str, str]) -> str:
    """Return the page; ``links`` are addresses of the runs' reports. The same judgement gives the same bytes."""
    laid_out = lay_out_changes(document.rows)
    changed = sum(row.tone in ("bad", "good") for row in laid_out.rows)
    return render_page(
        "comparison.html.j2",
        generator=f"poolbench {__version__}",
        title=f"{shorten(document.scenario, 60)}: {count(changed, 'change')}",
        state=document.verdict,
        word={"pass": "NOT WORSE", "fail": "WORSE", "inconclusive": "INCONCLUSIVE"}[document.verdict],
        sentence=shorten(document.sentence, 400),
        treatment=document.treatment,
        changes=laid_out,
        runs=[
            Run(role, shorten(run, _LONGEST), links.get(run, ""))
            for role, run in (("Baseline", baseline), ("Candidate", candidate))
        ],
        allowed=document.allowed,
        notes=document.notes,
        command=shlex.join(("bench", "compare", baseline, candidate)),
    )
