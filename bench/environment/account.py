"""Whose rights the servers run with, and the files and folders that belong to them."""

from __future__ import annotations

import contextlib
import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.model.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS = ("postgres", "nobody")
"""Whose rights servers run with when we are root, first one that exists."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that servers run as. ``switch`` tells whether we are root and have to change to it."""

    name: str
    uid: int
    gid: int
    switch: bool


def ourselves() -> Account:
    """Return the user we are; one without a name, as containers have them, is known by its number."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(name, uid, os.getegid(), switch=False)


def server_account() -> Account:
    """Return ourselves, or an unprivileged account where we are root: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return ourselves()
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)
    raise SetupError(
        "running as root, and there is no unprivileged account to run PostgreSQL with",
        evidence=f"looked for {' and '.join(ACCOUNTS)}",
        remedy="Create one (`useradd --system postgres`) or run as an ordinary user.",
    )


def make_folder(path: Path, account: Account) -> Path:
    """Make a 0700 folder that belongs to the account."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        if account.switch:
            os.chown(path, account.uid, account.gid)
    except OSError as error:
        raise SetupError(
            f"cannot make the folder {path}: {error.strerror}",
            remedy="Choose a folder you may write to (`--state DIR`), or make room on the disk.",
        ) from None
    return path


def write_private(path: Path, text: str, account: Account) -> None:
    """Write a 0600 file of the account's: whole or not at all, and never readable by others in between."""
    unfinished = path.with_name(f"{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        # O_EXCL and O_NOFOLLOW: the folder may belong to the account, which must not choose where root writes
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if account.switch:
                os.fchown(file.fileno(), account.uid, account.gid)
            file.write(text)
        unfinished.replace(path)
    except OSError as error:
        raise SetupError(f"cannot write {path}: {error.strerror}", remedy="Check its folder and the disk.") from None
