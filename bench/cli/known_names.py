"""What a shell proposes while a name is typed: scenarios, runs, baselines, operations. Nothing here ever fails."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from bench.model.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

_MOST_RUNS = 50
"""A shell's list that is longer helps nobody; the newest are kept."""


def complete_scenarios(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the shipped scenarios of that beginning, and let the shell add files."""
    del context, parameter
    from bench.environment.resources import shipped_folder  # noqa: PLC0415 - a shell waits: only what is asked for

    found = [CompletionItem(incomplete, type="file")]
    with contextlib.suppress(BenchError, OSError):
        found += _beginning(sorted(path.stem for path in shipped_folder("scenarios").glob("*.toml")), incomplete)
    return found


def complete_runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return `latest` and the ids of runs of that beginning, newest first."""
    del parameter
    from bench.store.layout import PARTIAL  # noqa: PLC0415 - a shell waits: only what is asked for
    from bench.store.names import LATEST, folders  # noqa: PLC0415 - see above

    with contextlib.suppress(BenchError, OSError):
        ids = [path.name.removesuffix(PARTIAL) for path in reversed(folders(_results(context)))]
        return _beginning([LATEST, *ids], incomplete)[:_MOST_RUNS]
    return []


def complete_baselines(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the baselines of that beginning, each with the run that it names."""
    del parameter
    from bench.store.baselines import list_baselines  # noqa: PLC0415 - a shell waits: only what is asked for

    with contextlib.suppress(BenchError, OSError):
        known = list_baselines(_results(context))
        return [CompletionItem(name, help=one.run) for name, one in known.items() if name.startswith(incomplete)]
    return []


def complete_runs_or_scenarios(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return both: `bench gate` takes a scenario with --against and a run without."""
    return [
        *complete_runs(context, parameter, incomplete),
        *complete_scenarios(context, parameter, incomplete),
    ]


def complete_runs_or_baselines(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return both: a side of `bench compare` may be either."""
    return [*complete_baselines(context, parameter, incomplete), *complete_runs(context, parameter, incomplete)]


def _results(context: click.Context) -> Path:
    return Path(context.params.get("results_root") or "results")


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
