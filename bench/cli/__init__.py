"""The command line: options -> values -> call -> print. Errors are printed here, once, and become exit codes."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import sys

import click
from click.shell_completion import CompletionItem

from bench import __version__
from bench.cli.limits import describe_limit
from bench.cli.output import INTERRUPTED, choose_colour, print_error, show_unicode_safely, tell
from bench.cli.signals import ignore_signals, obey_signals
from bench.model.errors import BenchError

COMMANDS = {
    "doctor": "what this machine can do, each problem with its cure",
    "up": "start the embedded PostgreSQL and pgBouncer",
    "down": "stop the embedded servers",
    "status": "show the embedded servers",
    "env": "print shell exports for the embedded servers",
    "schema": "migrate, audit, maintain partitions",
    "seed": "load deterministic data",
    "new": "make a commented scenario from SQL or from pg_stat_statements",
    "plan": "print the trials of a scenario; runs nothing",
    "explain": "show the plans of every operation from each side, and what is wrong with them",
    "run": "run a scenario or a sweep, then analyse and report",
    "capacity": "find the highest offered rate that meets the budgets",
    "tune": "try changes one by one and prove which help",
    "swarm": "run a scenario on Locust, on one machine or many",
    "analyse": "derive measurements and findings again from raw data",
    "baseline": "give runs names to compare with",
    "compare": "tell whether one run is worse than another",
    "gate": "judge a run by budgets and against a baseline; for CI",
    "history": "show trends over all runs, and the run in which a level changed",
    "monitor": "watch pool and database health, with alerts",
    "report": "render the HTML report of a run again",
    "config": "print configuration for a server or a pooler, with formulas; --verify tries it",
    "completion": "print what makes a shell complete commands, scenarios, runs and baselines",
}


class LazyGroup(click.Group):
    """Imports a command when it is asked for: `bench --help` needs no numpy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a user meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"bench.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that is misspelt is told with the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Propose commands without importing them: a shell waits for the answer."""
        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="bench")
def cli() -> None:
    """Benchmark PostgreSQL connection pools and queries, with evidence.

    How big should the pool be, which queries miss their latency budget, and what would help, by how much?

    \b
    Example:
      bench run scenarios/rating_lookup.toml --quick

    \b
    Exit codes: 0 done or passed, 1 a budget or regression gate failed, 2 usage or scenario error,
    3 could not run or the run is invalid, 4 inconclusive, 130 interrupted.
    """


def main() -> None:
    """Run the command line; the only place where errors become text and exit codes."""
    show_unicode_safely()
    obey_signals()
    try:
        code = cli.main(standalone_mode=False, color=choose_colour())
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BenchError as error:
        print_error(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        ignore_signals()
        code = INTERRUPTED
        with contextlib.suppress(OSError):  # the terminal may be gone
            tell("interrupted", err=True)
    except BrokenPipeError:  # the reader of our output went away; there is nobody left to tell
        sys.stderr.close()
        code = 0
    except (OSError, MemoryError) as error:
        limit = describe_limit(error)
        if limit is None:
            raise
        print_error(limit)
        code = limit.exit_code
    sys.exit(code if isinstance(code, int) else 0)
