"""Text for rich: names from outside are text, never markup, and nothing of them moves the cursor."""

from __future__ import annotations

from rich.text import Text

from bench.report.words import reveal


def shown(text: str = "", style: str = "") -> Text:
    """Return text as it is, with what would hide, turn or move it written as code points."""
    return Text(reveal(text), style=style)
