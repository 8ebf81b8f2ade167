"""What cannot work is refused in one sentence with its cause and a remedy."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from bench.environment import state
from bench.environment.account import Account, server_account
from bench.environment.binaries import major_version, missing_libraries, reachable_install
from bench.environment.embedded import Where, session
from bench.environment.process import run_as
from bench.environment.state import exclusive_use, outside_place, read_detached, read_secrets, server_place
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

STRANGER = Account("stranger", 12345, 12345, switch=True)
"""Somebody who can enter nothing of ours (and whom only root can become)."""


@pytest.mark.pg
def test_a_port_that_was_asked_for_and_is_taken_is_named(place: Where) -> None:
    with session(place) as running, socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        running.postgres.stop()
        with pytest.raises(SetupError, match=f"port {port} of 127.0.0.1 is taken") as caught:
            running.postgres.start(detached=False, port=port)
        assert "ss -ltnp" in caught.value.remedy


@pytest.mark.pg
def test_a_port_that_somebody_took_meanwhile_is_replaced(place: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    with session(place) as running, socket.socket() as squatter, socket.socket() as free:
        for probe in (squatter, free):
            probe.bind(("127.0.0.1", 0))
        squatter.listen()
        ports = [squatter.getsockname()[1], free.getsockname()[1]]
        free.close()
        running.postgres.stop()
        offered = iter(ports)
        monkeypatch.setattr("bench.environment.postgres.free_port", lambda: next(offered))
        running.postgres.start(detached=False)
        assert running.postgres.port == ports[1]


@pytest.mark.pg
def test_a_server_that_does_not_start_shows_the_end_of_its_log(place: Where) -> None:
    with session(place) as running:
        running.postgres.stop()
        with pytest.raises(SetupError, match="did not start") as caught:
            running.postgres.start(detached=False, settings={"max_wal_size": "nonsense"})
        assert "max_wal_size" in caught.value.evidence
        assert "server.log" in caught.value.remedy


def test_a_state_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot write in") as caught, session(Where(tmp_path / "file" / ".bench")):
        pass
    assert "--state" in caught.value.remedy


def test_a_lock_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """A folder of that name stands for another user's file, which root could open all the same."""
    (tmp_path / "lock").mkdir()
    with pytest.raises(SetupError, match=r"cannot open .*lock"), exclusive_use(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", '{"pg_version": "eighteen"}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "detached.json").write_text(text)
    with pytest.raises(SetupError, match=r"detached\.json is damaged"):
        read_detached(tmp_path)


def test_damaged_secrets_are_named_and_never_shown(tmp_path: Path) -> None:
    made = read_secrets(tmp_path, "pg18")
    assert made.admin not in repr(made)
    assert read_secrets(tmp_path, "pg18") == made
    (tmp_path / "pg18.secrets.json").write_text('{"admin": 1}')
    with pytest.raises(SetupError, match=r"secrets\.json is damaged"):
        read_secrets(tmp_path, "pg18")


def test_a_folder_outside_that_somebody_else_planted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place for temporary files is everybody's: whoever guesses the name must not get our data or our binaries."""
    monkeypatch.setattr(state, "OUTSIDE", tmp_path)
    root = tmp_path / "closed"
    root.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    outside_place(root).symlink_to(elsewhere)
    with pytest.raises(SetupError, match="belongs to somebody else"):
        server_place(root, STRANGER)
    assert not list(elsewhere.iterdir())


def test_an_account_that_can_enter_nothing_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(state, "OUTSIDE", closed)
    with pytest.raises(SetupError, match="can enter neither"):
        server_place(closed / ".bench", STRANGER)


def test_a_folder_without_binaries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no PostgreSQL server binaries"):
        major_version(tmp_path)


def _fake_install(bindir: Path, version: str) -> Path:
    bindir.mkdir(parents=True, exist_ok=True)
    for name, words in {"postgres": f"postgres (PostgreSQL) {version}", "initdb": "", "pg_config": bindir}.items():
        (bindir / name).write_text(f"#!/bin/sh\necho '{words}'\n")
        (bindir / name).chmod(0o755)
    return bindir


@pytest.mark.parametrize("version", ["12.3", "13.22", "19devel", "19beta1"])
def test_an_unsupported_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(SetupError, match=rf"PostgreSQL {version[:2]} .* not supported"):
        major_version(_fake_install(tmp_path, version))


@pytest.mark.parametrize("version", ["14.19 (Debian 14.19-1.pgdg120+1)", "18rc1"])
def test_supported_versions_are_told_from_whatever_a_distribution_adds(tmp_path: Path, version: str) -> None:
    assert major_version(_fake_install(tmp_path, version)) == int(version[:2])


def test_a_binary_that_does_not_run_is_refused(tmp_path: Path) -> None:
    (_fake_install(tmp_path, "15.1") / "postgres").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(SetupError, match="does not run"):
        major_version(tmp_path)


def test_a_server_without_statement_statistics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="lacks pg_stat_statements") as caught:
        missing_libraries(_fake_install(tmp_path, "15.1"))
    assert "postgresql-contrib" in caught.value.remedy


def test_a_home_folder_is_not_copied_for_the_sake_of_binaries_in_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    bindir = _fake_install(tmp_path / "bin", "15.1")
    (tmp_path / "letters").mkdir()
    with pytest.raises(SetupError, match="cannot reach") as caught:
        reachable_install(bindir, STRANGER, tmp_path)
    assert "letters" in caught.value.evidence


def test_a_command_that_fails_tells_its_last_words() -> None:
    with pytest.raises(SetupError, match="`sh` failed with status 7") as caught:
        run_as(server_account(), ["sh", "-c", "echo first; echo 'no space left' >&2; exit 7"])
    assert caught.value.evidence == "no space left"


@pytest.mark.pg
def test_servers_are_not_tied_to_a_thread_that_may_end(place: Where) -> None:
    """The kernel sends the death signal when the starting *thread* ends."""
    caught: list[BaseException] = []

    def start() -> None:
        try:
            with session(place):
                pass
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])
