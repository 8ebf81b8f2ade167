"""Where the shipped folders stand: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from bench.model.errors import SetupError

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_folder(name: str) -> Path:
    """Return the folder ``schema`` or ``scenarios``; raises ``SetupError`` if the installation lost it."""
    places = (_PACKAGE.parent / name, _PACKAGE / "_shipped" / name)
    for folder in places:
        if folder.is_dir():
            return folder
    raise SetupError(
        f"the shipped folder `{name}` is missing",
        evidence="looked at " + " and ".join(map(str, places)),
        remedy="Install poolbench again, or run from a complete checkout.",
    )
