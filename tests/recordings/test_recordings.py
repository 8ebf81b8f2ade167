"""Every command has its recording, on the page and in the program that makes it."""

from __future__ import annotations

import re

import pytest

from tests.cli.test_command_line import LEAVES
from tests.recordings.__main__ import EXPECTED, PAGE
from tests.recordings.sessions import LONG, SESSIONS

WORDS = set(LEAVES)


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_is_recorded_as_it_should_be_and_with_a_mistake(words: tuple[str, ...]) -> None:
    kinds = {session.kind for session in SESSIONS if session.words(WORDS) == words}
    assert kinds >= {"normal", "error"}
    assert ("interrupted" in kinds) == (words in LONG)


def test_the_page_holds_every_session_with_its_exit_code() -> None:
    recorded = re.findall(
        r"^```console\n\$ bench (.+)\n(?:(?!```).*\n)*?\[exit code (-?\d+)\]\n```", PAGE.read_text(), re.MULTILINE
    )
    assert {line for line, _ in recorded} == {session.line for session in SESSIONS}
    for session in SESSIONS:
        codes = {int(code) for line, code in recorded if line == session.line}
        assert codes & EXPECTED[session.kind], session


def test_nothing_of_the_machine_is_on_the_page() -> None:
    text = PAGE.read_text()
    assert "Traceback" not in text
    for secret in re.findall(r"://[^:/@\s]+:([^@\s]+)@", text):
        assert secret == "…"
    assert not re.search(r"/tmp/|/root/|/home/", text)  # noqa: S108 - what must not be there
