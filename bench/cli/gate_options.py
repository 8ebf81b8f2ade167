"""Options of `bench gate` and `bench compare`, and how they become a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.analysis.gate.metrics import Sizes
from bench.cli.options import stack
from bench.experiment.gate import Question
from bench.model.errors import ScenarioError
from bench.model.units import Duration, parse_percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

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
