"""What README and docs tell to type is what the program takes; the site builds, and its reference is the code's.

Every `bench` command in a fenced block is parsed by the real command line, options, types and all, and none of its
scenarios may be missing. Those that need neither a server nor minutes are run: `RUN`. The rest is run by the tests of
the commands themselves.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from bench.cli import COMMANDS, cli
from tests.conftest import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

RECORDED = "recordings.md"
"""What terminals showed, mistakes on purpose included; it has a test of its own."""
PAGES = [CHECKOUT / "README.md", *sorted(p for p in (CHECKOUT / "docs").rglob("*.md") if p.name != RECORDED)]
RUN = {
    "bench analyse audit-headline": 1,
    "bench plan scenarios/rating_lookup.toml": 0,
    "bench plan scenarios/rating_lookup.toml --sweep pool.size=1,2,4..32": 0,
}
"""Commands that are run for real, with their exit code."""
_FENCE = re.compile(r"^( *)```(?:sh|console)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_CELL = re.compile(r"`(bench [^`]+)`")


def shown() -> list[tuple[str, str]]:
    """Return every command line that a page shows, with the page."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        blocks = [block for _, block in _FENCE.findall(text)]
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            command = line.strip().removeprefix("$ ")
            if command.startswith("bench "):
                found.append((page.name, " ".join(command.split(" #")[0].split())))
        found += [(page.name, cell) for cell in _CELL.findall(text)]
    return found


def examples() -> list[tuple[str, str]]:
    """Return every command line that a ``--help`` shows, with its command."""
    context = click.Context(cli)
    commands = [(name, cli.get_command(context, name)) for name in COMMANDS]
    for name, command in list(commands):
        if isinstance(command, click.Group):
            commands += [(f"{name} {inner}", each) for inner, each in command.commands.items()]
    return [
        (f"bench {name} --help", re.sub(r'^eval "\$\((.+)\)".*', r"\1", " ".join(line.split())))
        for name, command in commands
        if command is not None
        for line in (command.help or "").splitlines()
        if line.strip().startswith(("bench ", 'eval "$(bench'))
    ]


SHOWN = shown()
EXAMPLES = examples()


def _words(command: str) -> list[str]:
    """Return the arguments without what only the shell understands."""
    words = shlex.split(re.split(r" > | && | \|\| ", command, maxsplit=1)[0])[1:]
    return [word for word in words if word not in ("…", "&")]


@pytest.mark.parametrize(("page", "command"), sorted({*SHOWN, *EXAMPLES}), ids=lambda value: value)
def test_a_command_that_is_shown_is_one_that_is_understood(
    page: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parse it with the real command line, down to the types of its options; nothing is run."""
    monkeypatch.chdir(CHECKOUT)
    words = _words(command)
    context = click.Context(cli, info_name="bench")
    known = cli.get_command(context, words[0])
    assert known is not None, page
    while isinstance(known, click.Group) and len(words) > 1 and not words[1].startswith("-"):
        words = words[1:]
        inner = known.get_command(context, words[0])
        assert inner is not None, page
        known = inner
    if isinstance(known, click.Group) or "…" in command or len(words) == 1:
        return  # a command that is only named
    try:
        known.make_context(words[0], words[1:])
    except click.exceptions.Exit:
        pass  # `--help` is understood
    except click.BadParameter as error:
        if not error.message.endswith("does not exist."):  # the reader's own files
            raise
    for word in words[1:]:
        if word.startswith("scenarios/") and word != "scenarios/mine.toml":
            assert (CHECKOUT / word).is_file(), word


@pytest.mark.parametrize("command", RUN)
def test_a_command_that_costs_nothing_does_what_the_page_says(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert command in {one for _, one in SHOWN}
    monkeypatch.chdir(CHECKOUT)
    extra = ["--reports", str(tmp_path)] if "analyse" in command else []
    done = subprocess.run(
        [sys.executable, "-m", "bench", *_words(command), *extra], capture_output=True, text=True, check=False
    )
    assert done.returncode == RUN[command], done.stderr


def test_every_command_shows_an_example() -> None:
    assert {page.split()[1] for page, _ in EXAMPLES} == COMMANDS.keys()


def test_every_link_of_the_readme_leads_somewhere() -> None:
    text = (CHECKOUT / "README.md").read_text("utf-8")
    links = [one for one in re.findall(r"\]\(([^)\s]+)\)", text) if not one.startswith("https:")]
    assert len(links) > 5
    for link in links:
        path, _, anchor = link.partition("#")
        target = CHECKOUT / path if path else CHECKOUT / "README.md"
        assert target.exists(), link
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, link


def test_readme_has_a_row_for_every_command() -> None:
    named = {_words(command)[0] for page, command in SHOWN if page == "README.md"}
    assert named >= COMMANDS.keys()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built as `make docs` builds it: a broken link or anchor ends it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", ".ci/mkdocs.yml"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _text(page: Path) -> str:
    return re.sub(r"<[^>]+>", "", page.read_text("utf-8")).replace("&quot;", '"').replace("&#39;", "'")


def test_the_site_asks_the_network_for_nothing(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?(https?:[^\" >]+)", page.read_text("utf-8")
        )
        assert [one for one in loaded if "canonical" not in one] == [], page


def test_the_reference_names_every_command_with_its_options(site: Path) -> None:
    text = _text(site / "reference" / "commands.html")
    context = click.Context(cli)
    for name in COMMANDS:
        assert f"bench {name}" in text
        command = cli.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert max(parameter.opts, key=len) in text, (name, parameter.opts)


def test_the_reference_knows_what_the_code_knows(site: Path) -> None:
    keys = _text(site / "reference" / "scenario.html")
    assert all(word in keys for word in ("max_prepared_statements", "pgpool", "acquire_timeout", "keeps", "ramp_from"))
    rules = _text(site / "reference" / "rules.html")
    assert all(rule in rules for rule in ("PO03-oversized", "PL13-rls-blocked-index", "SV01-shared-buffers"))
    caveats = _text(site / "reference" / "caveats.html")
    assert all(code in caveats for code in ("littles-law", "generator-starved", "guarded", "no-prepared-statements"))
    codes = _text(site / "reference" / "exit-codes.html")
    assert "inconclusive" in codes
    assert "130" in codes
