"""`bench completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bench.cli.output import COULD_NOT_RUN, json_option, print_json

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_BENCH_COMPLETE"
"""What the shell sets when it asks the program for proposals."""


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@json_option
def command(shell: str, *, as_json: bool) -> None:
    """Print what makes SHELL complete commands, options, scenarios, runs and baselines.

    \b
    Examples:
      eval "$(bench completion bash)"                                      # in ~/.bashrc
      eval "$(bench completion zsh)"                                       # in ~/.zshrc, after compinit
      bench completion fish > ~/.config/fish/completions/bench.fish
    """
    context = click.get_current_context()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"click knows no completion for {shell}")
    try:
        script = kind(context.find_root().command, {}, "bench", VARIABLE).source()
    except RuntimeError as error:  # bash is there, and does not tell its version
        click.echo(str(error), err=True)
        context.exit(COULD_NOT_RUN)
    if as_json:
        print_json("completion", {"shell": shell, "script": script})
    else:
        click.echo(script)
