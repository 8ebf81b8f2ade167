"""What runs are called, and which run somebody means."""

from __future__ import annotations

import difflib
import re
import unicodedata
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.model.errors import StoreError
from bench.store.disk import reading
from bench.store.layout import NAME, PARTIAL, RUN

if TYPE_CHECKING:
    from datetime import datetime

LATEST: Final = "latest"
_STAMPED: Final = re.compile(r"\d{8}T\d{6}Z-.+")
_NEAREST: Final = 3


def _slug(text: str, longest: int) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:longest].rstrip("-")


def name_run(started: datetime, scenario: str, commit: str) -> str:
    """Return ``<UTC>-<scenario>-<commit>``, safe as the name of a folder; ``started`` carries its time zone."""
    stamp = started.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{_slug(scenario, 60) or 'unnamed'}-{_slug(commit, 7) or 'unknown'}"


def check_name(name: str, what: str) -> None:
    """Raise ``StoreError`` for a name that could lead out of its folder or be taken for something else."""
    if not NAME.fullmatch(name) or name.endswith(PARTIAL) or name == LATEST:
        raise StoreError(
            f"{name!r} cannot be the name of a {what}",
            remedy="Use letters, digits, `.`, `_` and `-`, at most 200, beginning with a letter or digit.",
        )


def is_finished(path: Path) -> bool:
    """Tell a finished run folder from one still being written."""
    return not path.name.endswith(PARTIAL)


def _is_run(path: Path) -> bool:
    return (path / RUN).is_file() or (not is_finished(path) and path.is_dir())


def folders(results_root: Path) -> list[Path]:
    """Return the run folders, finished or not, oldest first; a missing root holds none. Raises ``StoreError``."""
    if not results_root.exists():
        return []
    with reading(results_root):
        return sorted(path for path in results_root.iterdir() if not path.name.startswith(".") and _is_run(path))


def _run_id(path: Path) -> str:
    return path.name.removesuffix(PARTIAL)


def _nearest(text: str, known: list[str]) -> list[str]:
    holding = [name for name in known if text and text in name]
    similar = difflib.get_close_matches(text, known, n=_NEAREST, cutoff=0.4)
    return list(dict.fromkeys([*holding[-_NEAREST:], *similar]))[:_NEAREST] or known[-_NEAREST:]


def find_run(run: str | Path, results_root: Path) -> Path:
    """Return the folder of a run given as path, id, unique beginning of an id, or ``latest`` (the newest finished one).

    Raises ``StoreError`` that names the nearest ids, or all that the beginning fits.
    """
    text = str(run)
    with reading(Path(text)):
        for path in (Path(text), Path(text + PARTIAL)):
            if _is_run(path):
                return path
    known = folders(results_root)
    if text == LATEST:
        stamped = [path for path in known if is_finished(path) and _STAMPED.fullmatch(path.name)]
        if stamped:
            return stamped[-1]
    exact = [path for path in known if text in (path.name, _run_id(path))]
    fitting = exact[:1] or [path for path in known if text and path.name.startswith(text)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise StoreError(
            f"{text!r} fits {len(fitting)} runs in {results_root}",
            evidence=", ".join(path.name for path in fitting),
            remedy="Write more of the id.",
        )
    nearest = _nearest(text, [path.name for path in known])
    raise StoreError(
        f"there is no run {text!r} in {results_root}",
        evidence=f"nearest: {', '.join(nearest)}" if nearest else "there are no runs there at all",
        remedy="Name a run by its folder, its id or the beginning of its id.",
    )
