"""Every command has its recording."""

from __future__ import annotations

import pytest

from tests.cli.test_command_line import LEAVES
from tests.recordings.sessions import LONG, SESSIONS

WORDS = set(LEAVES)


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_is_recorded_as_it_should_be_and_with_a_mistake(words: tuple[str, ...]) -> None:
    kinds = {session.kind for session in SESSIONS if session.words(WORDS) == words}
    assert kinds >= {"normal", "error"}
    assert ("interrupted" in kinds) == (words[0] in LONG)
