"""The script that provides a pgBouncer, as far as it needs no network: which versions it is content with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "build-pgbouncer"
NEEDED = ("sh", "dirname", "sed", "head", "id", "mktemp", "rm", "chmod", "mkdir", "env")


def _run(folder: Path, version: str, *, built: bool) -> subprocess.CompletedProcess[str]:
    """Run the script in a checkout and on a path of its own, where there is no apt."""
    tools = folder / "tools"
    tools.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    (folder / ".ci").mkdir()
    shutil.copy(SCRIPT, folder / ".ci")
    binary = (folder / ".bench" / "pgbouncer" / "bin" if built else tools) / "pgbouncer"
    binary.parent.mkdir(parents=True, exist_ok=True)
    binary.write_text(f"#!/bin/sh\necho 'PgBouncer {version}'\n")
    binary.chmod(0o755)
    command = [str(tools / "sh"), str(folder / ".ci" / "build-pgbouncer")]
    return subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", ["1.21.0", "1.24.1", "1.30.0", "2.0.0"])
def test_one_that_tracks_statements_is_kept_without_a_word(tmp_path: Path, version: str) -> None:
    done = _run(tmp_path, version, built=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_systems_own_is_used_and_said(tmp_path: Path) -> None:
    done = _run(tmp_path, "1.25.2", built=False)
    assert done.returncode == 0
    assert "the system's 1.25.2 tracks prepared statements" in done.stdout


@pytest.mark.parametrize("version", ["1.18.0", "1.20.1", "1.9.0"])
def test_an_old_one_is_settled_for_with_a_word_about_it(tmp_path: Path, version: str) -> None:
    done = _run(tmp_path, version, built=False)
    assert done.returncode == 0
    assert f"using the old {version}: prepared statements will NOT work" in done.stderr


def test_the_script_names_no_registry() -> None:
    assert "://" not in SCRIPT.read_text()
