"""mkdocs hook: the reference pages, written from the code each time the documentation is built."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import typing
from typing import TYPE_CHECKING, Any

import click
import msgspec
from mkdocs.structure.files import File

import bench
from bench.analysis import findings
from bench.analysis.metrics import DURATION_MEANINGS, OTHER_METRICS
from bench.cli import COMMANDS, cli
from bench.model import budget
from bench.model.scenario_text import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

EXAMPLE_INDENT = 2


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, write in PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files


def commands() -> str:
    """Write every command with its options, as the program knows them."""
    lines = [
        "# Commands",
        "",
        "Each has `--help` and `--json`. Exit codes are [the same everywhere](exit-codes.md).",
        "",
    ]
    for path, command, context in _walk():
        lines += [f"## bench {path}", ""]
        lines += [*_prose(command.help or ""), ""]
        rows = [row for parameter in command.params if (row := parameter.get_help_record(context))]
        arguments = [one for one in command.params if isinstance(one, click.Argument)]
        if arguments:
            lines += ["Takes " + ", ".join(f"`{one.make_metavar(context)}`" for one in arguments) + ".", ""]
        if rows:
            lines += ["| option | what it does |", "|---|---|"]
            lines += [f"| `{_cell(names)}` | {_cell(what)} |" for names, what in rows]
            lines += [""]
    return "\n".join(lines)


def _walk() -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(cli, info_name="bench")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is None:
            raise RuntimeError(f"{name} is listed and cannot be loaded")
        own = click.Context(command, info_name=name, parent=context)
        yield name, command, own
        if isinstance(command, click.Group):
            for inner in command.list_commands(own):
                below = command.get_command(own, inner)
                if below is not None:
                    yield f"{name} {inner}", below, click.Context(below, info_name=inner, parent=own)


def _prose(text: str) -> list[str]:
    """Turn a help text into Markdown: a block that is not to be wrapped holds examples, and stands as it is."""
    lines: list[str] = []
    for block in inspect.cleandoc(text).split("\n\n"):
        if block.startswith("\b"):
            title, *rest = block.splitlines()[1:]
            indented = [line for line in rest if line.startswith("  ")]
            if len(indented) == len(rest) and rest:
                lines += [title, "", "```sh", *(line[EXAMPLE_INDENT:] for line in rest), "```", ""]
            else:
                lines += ["```text", title, *rest, "```", ""]
        else:
            lines += [" ".join(block.split()), ""]
    return lines


def scenario() -> str:
    """Write every key of a scenario: type, default, meaning."""
    lines = [
        "# Scenario keys",
        "",
        "A scenario is one TOML file. Unknown keys are refused with the nearest valid one.",
        'Durations and rates carry their unit: `"50ms"`, `"500/s"`. [How to write one](../how-to/scenario.md).',
        "",
    ]
    for path, part in ((path, part) for path, parts in PARTS.items() for part in parts):
        title = _title(path, part)
        lines += [f"## {title}", "", *_docstring(part), "", "| key | type | default |", "|---|---|---|"]
        lines += [
            f"| `{one.name}` | `{_cell(_type(one.type))}` | {_default(one)} |" for one in msgspec.structs.fields(part)
        ]
        lines += [""]
    return "\n".join(lines)


def _title(path: str, part: type[msgspec.Struct]) -> str:
    """Write a table as it stands in the file: ``$.operation[]`` is ``[[operation]]``."""
    if path == "$":
        return "The file"
    words = path.removeprefix("$.")
    name = f"[[{words.replace('[]', '')}]]" if words.endswith("[]") else f"[{words.replace('[]', '')}]"
    chosen = part.__struct_config__
    return f'{name}, {chosen.tag_field} = "{chosen.tag}"' if chosen.tag_field else name


def _type(kind: object) -> str:
    text = getattr(kind, "__name__", None) if isinstance(kind, type) and not typing.get_args(kind) else None
    return text or re.sub(r"\b(?:[a-z_]+\.)+", "", str(kind)).replace("NoneType", "None")


def _default(one: Any) -> str:
    if one.default is not msgspec.NODEFAULT:
        value = one.default
        return (
            f"`{_cell(str(value) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value))}`"
        )
    if one.default_factory is not msgspec.NODEFAULT:
        made = one.default_factory()
        return "its own defaults" if isinstance(made, msgspec.Struct) else f"`{_cell(repr(made))}`"
    return "required"


def metrics() -> str:
    """Write what a budget can speak of."""
    text = _markdown(inspect.getdoc(budget) or "")
    lists = {
        "Durations": budget.DURATIONS,
        "Their statistics": budget.STATISTICS,
        "Rates": budget.RATES,
        "Shares": budget.SHARES,
        "Counted work": (*budget.COUNTS, budget.PLAN),
    }
    lines = ["# Metrics and budgets", "", *text, ""]
    lines += [f"* **{title}:** {', '.join(f'`{name}`' for name in names)}" for title, names in lists.items()]
    lines += ["", "How a budget is judged: [the gate](../how-to/gate.md).", "", "## What is measured", ""]
    lines += [
        "Each has an interval, or a reason why there is none. Unit `1`: reports write shares in percent.",
        "What each duration is: [the method](../explanation/method.md#five-instants).",
        "",
        "| metric | unit | meaning |",
        "|---|---|---|",
    ]
    statistics = f"{{{','.join(budget.STATISTICS)}}}"
    lines += [f"| `{name}.{statistics}` | s | {meaning} |" for name, meaning in DURATION_MEANINGS.items()]
    lines += [f"| `{name}` | {one.unit} | {one.meaning} |" for name, one in OTHER_METRICS.items()]
    return "\n".join(lines)


def rules() -> str:
    """Write every rule that can make a finding: trigger, threshold, source."""
    lines = [
        "# Rules",
        "",
        "What advice comes from. Each finding carries its evidence; its status says whether it was",
        "proven by trying, measured in this run, or is a rule of thumb.",
        "",
    ]
    found = []
    for info in pkgutil.walk_packages(findings.__path__, f"{findings.__name__}."):
        module = importlib.import_module(info.name)
        if isinstance(rule := getattr(module, "RULE", None), str):
            found.append((rule, inspect.getdoc(module) or ""))
    for rule, text in sorted(found):
        said = text.removeprefix(f"{rule}: ")
        lines += [f"## {rule}", "", *_markdown(said[:1].upper() + said[1:]), ""]
    return "\n".join(lines)


def caveats() -> str:
    """Write every doubt that the program can raise, with what it says and its cure."""
    lines = [
        "# Caveats",
        "",
        "A caveat is a doubt with a cure. One that *invalidates* keeps a trial visible and takes it out of",
        "advice and gates. `…` stands for what was measured.",
        "",
        "| code | says | cure | invalidates |",
        "|---|---|---|---|",
    ]
    infos = pkgutil.walk_packages(bench.__path__, f"{bench.__name__}.")
    modules = [importlib.import_module(info.name) for info in infos if not info.name.endswith("__main__")]
    found = {entry for module in modules for entry in _caveats_of(module)}
    return "\n".join([*lines, *(f"| `{entry[0]}` | {' | '.join(map(_cell, entry[1:]))} |" for entry in sorted(found))])


def _caveats_of(module: ModuleType) -> Iterator[tuple[str, str, str, str]]:
    for call in ast.walk(ast.parse(inspect.getsource(module) or "")):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Caveat":
            given = {one.arg: one.value for one in call.keywords}
            if "code" in given and "text" in given and "cure" in given:
                doubts = given.get("invalidates")
                what = (
                    "no"
                    if doubts is None
                    else "yes"
                    if isinstance(doubts, ast.Constant) and doubts.value
                    else "it depends"
                )
                for code in _codes(given["code"], module):
                    yield code, _said(given["text"]), _said(given["cure"]), what


def _codes(node: ast.expr, module: ModuleType) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(code)):
            yield code
        case ast.Name(id=name) if isinstance(known := vars(module).get(name), str):
            yield known
        case ast.IfExp(body=body, orelse=orelse):
            yield from _codes(body, module)
            yield from _codes(orelse, module)


def _said(node: ast.expr) -> str:
    """Read a text out of the code; what is only known at run time is an ellipsis."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_said(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _said(left) + _said(right)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{_said(body)} / {_said(orelse)}"
        case _:
            return "…"


def exit_codes() -> str:
    """Write the exit codes out of the program's own help."""
    text = inspect.cleandoc(cli.help or "").split("Exit codes:")[1]
    rows = re.findall(r"(\d+) ([^,.]+(?:, [a-z][^,.\d]*)*)", " ".join(text.split()))
    lines = [
        "# Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {words.strip(' ,')} |" for code, words in rows),
    ]
    return "\n".join([*lines, "", "`--warn-only` turns 1 and 4 into 0 and still prints what would have failed."])


def _docstring(part: type) -> list[str]:
    return _markdown(inspect.cleandoc(part.__doc__ or ""))


def _markdown(text: str) -> list[str]:
    """Turn a docstring into Markdown: double backticks into single ones, indented blocks into code."""
    lines: list[str] = []
    for block in text.replace("``", "`").split("\n\n"):
        if block.startswith("    "):
            lines += ["```text", *inspect.cleandoc(block).splitlines(), "```", ""]
        else:
            lines += [re.sub(r"(?<![(<\w])(https?://[^\s,;)]+[\w/#-])", r"<\1>", block), ""]
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/scenario.md": scenario,
    "reference/metrics.md": metrics,
    "reference/rules.md": rules,
    "reference/caveats.md": caveats,
    "reference/exit-codes.md": exit_codes,
}
