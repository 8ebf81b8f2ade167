"""What is installed is what the lock names, byte for byte as its RECORD says; nothing is asked of a network.

Known vulnerabilities are not looked up: the data for that are on servers, and a list kept here would be out of date.
The hashes of the lock hold for the archives, which pip has compared when it installed them (`--require-hashes`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from importlib.metadata import Distribution

LOCK = Path(__file__).resolve().parents[1] / ".ci" / "requirements.lock"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:[0-9a-f]{64}\s*\\?$")
OURS = {"poolbench", "pip", "setuptools", "atheris"}
"""Ourselves, what every virtual environment is born with, and what only `python -m tests.fuzz --guided` wants."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> dict[str, set[str]]:
    """Return the versions by name (several where they depend on the platform); raises ``ValueError`` without hashes."""
    pinned: dict[str, set[str]] = {}
    hashes, name = 1, ""
    for line in text.splitlines():
        if _HASH.match(line):
            hashes += 1
        elif match := _PINNED.match(line):
            if not hashes:
                raise ValueError(f"{name} has no hash")
            hashes, name = 0, canonical(match[1])
            pinned.setdefault(name, set()).add(match[2])
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"neither a version nor a hash: {line}")
    if not hashes:
        raise ValueError(f"{name} has no hash")
    return pinned


def altered(distribution: Distribution) -> list[str]:
    """Name the files of a distribution that are not as its RECORD says, or gone."""
    found = []
    for file in distribution.files or ():
        if file.hash is None:  # RECORD itself, and what is compiled at installation
            continue
        path = Path(str(file.locate()))
        if not path.is_file():
            found.append(f"{file} is gone")
            continue
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            found.append(f"{file} is not what was installed")
    return found


def test_every_pinned_version_has_a_hash() -> None:
    assert len(read_lock(LOCK.read_text())) > 50


@pytest.mark.parametrize(
    "text", ["a==1\n", "a==1 \\\nb==2 \\\n    --hash=sha256:" + "0" * 64, "a>=1\n", "git+https://x\n"]
)
def test_a_lock_without_hashes_is_found(text: str) -> None:
    with pytest.raises(ValueError, match="hash"):
        read_lock(text)


def test_what_is_installed_is_what_the_lock_names() -> None:
    pinned = read_lock(LOCK.read_text())
    strange = [
        f"{one.name} {one.version}"
        for one in distributions()
        if canonical(one.name) not in OURS and one.version not in pinned.get(canonical(one.name), set())
    ]
    assert strange == []


def test_no_installed_file_was_altered() -> None:
    assert [f"{one.name}: {what}" for one in distributions() for what in altered(one)] == []


def test_an_altered_file_is_found(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    (tmp_path / "thing.py").write_text("x = 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).rstrip(b"=").decode()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        f"thing.py,sha256={digest},6\ngone.py,sha256={digest},6\nthing-1.0.dist-info/RECORD,,\n"
    )
    (distribution,) = distributions(path=[str(tmp_path)])
    assert altered(distribution) == ["gone.py is gone"]
    (tmp_path / "thing.py").write_text("x = 2\n")
    assert "thing.py is not what was installed" in altered(distribution)
