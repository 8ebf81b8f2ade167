"""Options of `bench gate` and `bench compare`, and how they become a question."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.analysis.gate.metrics import Sizes
from bench.cli.gate_table import print_gate
from bench.cli.options import stack
from bench.cli.output import note
from bench.experiment.gate_outputs import Outputs, lay_out, write_outputs
from bench.experiment.question import Question
from bench.model.errors import ScenarioError
from bench.model.units import Duration, parse_percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.experiment.gate import Gated

judging_options = stack(
    click.option(
        "--metric",
        "metrics",
        multiple=True,
        metavar="METRIC",
        help="Compare this instead of throughput, p95 response time, error rate and buffers; may be repeated.",
    ),
    click.option(
        "--relative", default="5%", show_default=True, help="A change matters from this size, of the baseline's value,"
    ),
    click.option(
        "--absolute", default="100us", show_default=True, help="and, of a duration, from this size. It takes both."
    ),
    click.option(
        "--allow-difference",
        "differences",
        multiple=True,
        metavar="NAME[,NAME]",
        help="Compare although this differs: machine, driver, pool-mode, scale, postgresql, schema, window, plan.",
    ),
)


_FILE = click.Path(dir_okay=False, path_type=Path)
output_options = stack(
    click.option("--junit", type=_FILE, help="Write JUnit XML."),
    click.option("--sarif", type=_FILE, help="Write SARIF 2.1.0, which points at the scenario's lines."),
    click.option("--markdown", type=_FILE, help="Write Markdown for a comment (below 65,536 characters)."),
    click.option("--smaller-is-better", type=_FILE, help="Write `customSmallerIsBetter` JSON."),
    click.option(
        "--github", is_flag=True, help="In GitHub Actions: write the step summary and annotate the scenario's lines."
    ),
)


def read_outputs(
    junit: Path | None, sarif: Path | None, markdown: Path | None, smaller_is_better: Path | None, *, github: bool
) -> Outputs:
    """Turn the options into outputs; raises ``ScenarioError`` for ``--github`` outside of a GitHub job."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY") if github else None
    if github and not summary:
        raise ScenarioError(
            "`--github` needs the environment of a GitHub Actions job",
            evidence="GITHUB_STEP_SUMMARY is not set",
            remedy="Leave it out elsewhere; `--junit`, `--sarif` and `--markdown` work everywhere.",
        )
    return Outputs(
        junit=junit,
        sarif=sarif,
        markdown=markdown,
        smaller_is_better=smaller_is_better,
        summary=Path(summary) if summary else None,
    )


def conclude(gated: Gated, outputs: Outputs, question: Question, kind: str, *, as_json: bool) -> None:
    """Print a judgement and write its files; annotations go to standard error, which a GitHub job reads too."""
    document = lay_out(gated, question.results_root)
    annotations = write_outputs(gated, document, outputs)
    print_gate(gated, document, kind, as_json=as_json)
    if outputs.summary is not None:
        for line in annotations:
            note(line)


def read_question(
    results_root: Path,
    budgets: Sequence[str],
    metrics: Sequence[str],
    relative: str,
    absolute: str,
    differences: Iterable[str],
) -> Question:
    """Turn the options into a question; raises ``ScenarioError`` for a malformed one."""
    try:
        sizes = Sizes(relative=parse_percent(relative), duration_s=Duration.parse(absolute).seconds)
    except ValueError as error:
        raise ScenarioError(
            f"`--relative` or `--absolute`: {error}", remedy="Write for example `--relative 10% --absolute 1ms`."
        ) from None
    if not sizes.relative > 0:
        raise ScenarioError("`--relative` must be above 0", remedy="Write for example `--relative 5%`.")
    allowed = tuple(name.strip() for text in differences for name in text.split(",") if name.strip())
    return Question(
        results_root=results_root, budgets=tuple(budgets), metrics=tuple(metrics), allowed=allowed, sizes=sizes
    )
