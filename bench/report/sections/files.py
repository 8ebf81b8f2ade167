"""The raw files behind a report, linked relative to it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file of the run: its ``path`` relative to the report's folder, and one phrase on what it holds."""

    path: str
    holds: str = ""

    @property
    def href(self) -> str:
        """The path as a relative address, whatever characters it has; never one with a scheme or a host."""
        quoted = quote(self.path)
        return quoted if quoted.startswith("../") else f"./{quoted.lstrip('/')}"

    @property
    def name(self) -> str:
        """The path without the way up to it."""
        return self.path.replace("../", "").lstrip("/")
