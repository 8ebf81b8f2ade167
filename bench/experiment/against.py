"""What `bench gate --against` names: a commit, a wheel or a database; each becomes a command that runs that side.

A commit or a wheel is unpacked into a folder of its own, and its `bench` is run from there as another program: what is
compared is that version of the program, its schema, its data and its scenario. Nothing is installed or checked out.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench.environment.attached import Attachment, unreadable
from bench.model.errors import ScenarioError, SetupError
from bench.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.environment.embedded import Where

_LONGEST_S = 3600
"""No block of trials takes longer; what does is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One side as a command: which `bench`, started in which folder, on which servers."""

    name: str
    scenario: str
    folder: Path
    where: tuple[str, ...]
    """Options that name the servers."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Set for the command: where its package lies, and passwords, which are never arguments."""
    state: Path | None = None
    """Folder of the embedded servers that this side has for itself; None where its servers are somebody else's."""

    def call(self, *arguments: str) -> dict[str, Any]:
        """Run a command to its end and return its JSON document; raises ``SetupError`` with its last words."""
        command = [sys.executable, "-m", "bench", *arguments, "--json"]
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env={**os.environ, **self.variables},
                capture_output=True,
                text=True,
                timeout=_LONGEST_S,
                check=False,
            )
            if done.returncode == 0:
                document: dict[str, Any] = json.loads(done.stdout)
                return document
            words = done.stderr.strip().splitlines()[-3:]
        except subprocess.TimeoutExpired:
            words = [f"it did not end within {_LONGEST_S} s"]
        except json.JSONDecodeError as error:
            words = [f"its document cannot be read: {error}"]
        raise SetupError(
            f"{self.name}: `bench {arguments[0]}` could not be done",
            evidence=" ".join(words),
            remedy="Run that side alone to see all of it: the scenario must work on both.",
        )


def own_program(scenario: str, where: Where | Attachment, state: Path) -> Program:
    """Return the candidate: this program in the present folder."""
    package = Path(__file__).resolve().parents[2]
    return _placed("candidate", scenario, Path.cwd(), where, state, {"PYTHONPATH": _first(package)})


def other_program(against: str, scenario: str, where: Where | Attachment, state: Path, unpacked: Path) -> Program:
    """Return the baseline; raises ``ScenarioError`` where the text names neither commit nor wheel nor database."""
    if _is_dsn(against):
        package = Path(__file__).resolve().parents[2]
        variables = {"PYTHONPATH": _first(package)}
        limits = where.limits if isinstance(where, Attachment) else Limits()
        return _placed("baseline database", scenario, Path.cwd(), Attachment(against, limits=limits), state, variables)
    if isinstance(where, Attachment):
        raise ScenarioError(
            "`--against` a commit or a wheel needs the embedded servers: each side has its own schema and data",
            remedy="Leave `--dsn` out, or name another database with `--against DSN`.",
        )
    if against.endswith(".whl"):
        _unpack_wheel(Path(against), unpacked)
        return _placed(Path(against).name, scenario, Path.cwd(), where, state, {"PYTHONPATH": _first(unpacked)})
    commit = _unpack_commit(against, unpacked)
    beside = unpacked / scenario
    if not Path(scenario).is_absolute() and Path(scenario).is_file() and not beside.is_file():
        raise ScenarioError(
            f"{scenario} does not exist at {against}",
            remedy="Commit the scenario first, or give its path as both commits have it.",
        )
    package = unpacked if (unpacked / "bench" / "__init__.py").is_file() else Path(__file__).resolve().parents[2]
    name = against if commit.startswith(against) else f"{against} ({commit[:7]})"
    return _placed(name, scenario, unpacked, where, state, {"PYTHONPATH": _first(package)})


def _placed(
    name: str, scenario: str, folder: Path, where: Where | Attachment, state: Path, variables: dict[str, str]
) -> Program:
    if isinstance(where, Attachment):
        options, secrets = _attached(where)
        return Program(
            name=name,
            scenario=scenario,
            folder=folder,
            where=options,
            variables={**variables, **secrets},
        )
    options = ("--state", str(state))
    if where.pg_bin is not None:
        options += ("--pg-bin", str(where.pg_bin.absolute()))
    return Program(name=name, scenario=scenario, folder=folder, where=options, variables=variables, state=state)


def _attached(where: Attachment) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return options without passwords, and the password for libpq's variable: arguments can be seen by others."""
    options: tuple[str, ...] = ()
    passwords: set[str] = set()
    for option, dsn in (
        ("--dsn", where.dsn),
        ("--pooler-dsn", where.pooler_dsn),
        ("--pooler-admin-dsn", where.console_dsn),
    ):
        if dsn is None:
            continue
        try:
            parts = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            raise unreadable("a connection string", error) from None
        password = parts.pop("password", None)
        if password is not None:
            passwords.add(str(password))
        options += (option, make_conninfo("", **{key: str(value) for key, value in parts.items() if value is not None}))
    if len(passwords) > 1:
        raise ScenarioError(
            "server, pooler and console have different passwords in their connection strings",
            remedy="Leave the passwords out and put them into a password file (PGPASSFILE).",
        )
    options += tuple(word for name, value in where.limits.settings().items() for word in ("--limit", f"{name}={value}"))
    options += ("--i-know",) if where.limits.i_know else ()
    return options, {"PGPASSWORD": passwords.pop()} if passwords else {}


def _is_dsn(text: str) -> bool:
    return text.startswith(("postgresql://", "postgres://")) or "=" in text


def _first(package: Path) -> str:
    """Put a folder before what the path of modules holds already."""
    earlier = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(package), *([earlier] if earlier else [])])


def _unpack_wheel(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)  # zipfile keeps members inside the folder
    except (OSError, zipfile.BadZipFile) as error:
        raise ScenarioError(
            f"{path} cannot be read as a wheel: {error}", remedy="Build one with `python -m hatchling build -t wheel`."
        ) from None
    if not (folder / "bench" / "__init__.py").is_file():
        raise ScenarioError(f"{path} holds no `bench` package", remedy="Name a wheel of poolbench.")


def _unpack_commit(reference: str, folder: Path) -> str:
    """Unpack a commit of the repository we stand in; returns its full id."""
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if commit is None:
        raise ScenarioError(
            f"`--against {reference}` is neither a commit of this repository, nor a wheel, nor a connection string",
            remedy="Name a branch, tag or commit that is fetched here (CI: fetch with enough depth), "
            "a `.whl` file, or `postgresql://…`.",
        )
    full = commit.decode().strip()
    archive = _git("archive", "--format=zip", full)
    if archive is None:
        raise SetupError(f"git cannot archive {full}", remedy="Check the repository with `git fsck`.")
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(folder)
    return full


def _git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
