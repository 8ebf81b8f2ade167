"""A configuration as a file: above each value its formula, the inputs and the source."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.configuration.setting import Configuration, Setting

_WIDTH = 110
_HEADS = {
    "postgresql": (
        "PostgreSQL {version} settings, written by `bench config postgresql`.",
        "Use: save it in the folder of postgresql.conf and add `include = 'poolbench.conf'` as that file's last line;",
        "reload, or restart for what is marked so.",
    ),
    "pgbouncer": (
        "pgbouncer.ini for pgBouncer {version}, written by `bench config pgbouncer`.",
        "Use: fill in what is marked as yours, put users and their secrets into auth_file, then `RELOAD`.",
    ),
}


def render_configuration(configuration: Configuration) -> str:
    """Return the text of the file, ready to be used."""
    return "\n".join(_lines(configuration)) + "\n"


def _lines(configuration: Configuration) -> Iterator[str]:
    sign = "#" if configuration.target == "postgresql" else ";"
    for line in _HEADS[configuration.target]:
        yield f"{sign} {line.format(version=configuration.version)}"
    facts = ", ".join(f"{name} {value}" for name, value in configuration.facts.items())
    yield from _comment(sign, f"For: {facts}.")
    for note in configuration.notes:
        yield from _comment(sign, note)
    if configuration.target == "pgbouncer":
        yield from ("", "[databases]", f"{sign} yours to say: where the server is", "* = host=127.0.0.1 port=5432")
        yield from ("", "[pgbouncer]")
    for setting in configuration.settings:
        yield ""
        yield from _setting(sign, setting, quoted=configuration.target == "postgresql")
    if configuration.left_alone:
        yield ""
        yield f"{sign} Left as they are:"
        for name, reason in configuration.left_alone.items():
            yield from _comment(sign, f"  {name}: {reason}")


def _setting(sign: str, setting: Setting, *, quoted: bool) -> Iterator[str]:
    if setting.place:
        yield f"{sign} yours to say"
    else:
        marks = f"{setting.status}; takes a restart" if setting.restart else setting.status
        yield from _comment(sign, f"{setting.formula} [{marks}]")
        if setting.inputs:
            yield from _comment(sign, "with " + ", ".join(f"{name} {value}" for name, value in setting.inputs.items()))
        yield from _comment(sign, f"source: {setting.source}")
    yield f"{setting.name} = '{setting.value}'" if quoted else f"{setting.name} = {setting.value}"


def _comment(sign: str, text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"{sign} {line}"
