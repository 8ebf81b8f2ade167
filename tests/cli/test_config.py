"""`bench config` as its user meets it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from bench.model.facts import HostSummary
from bench.store import codec
from tests.forked import run_forked

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

HOST = HostSummary(
    machine="m", cpu_model="c", cores=4, memory_bytes=16 << 30, kernel="k", python="p",
    details={"file_descriptors": {"soft": 1024, "hard": 4096}},
)  # fmt: skip


def config(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_forked("config", *arguments, cwd=folder, env=os.environ)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    path = tmp_path / "host.json"
    path.write_bytes(codec.encode("host", HOST))
    return path


def test_a_host_file_of_another_machine_is_enough(host: Path, tmp_path: Path) -> None:
    done = config(tmp_path, "postgresql", "--for", str(host), "--json")
    document = json.loads(done.stdout)
    values = {setting["name"]: setting["value"] for setting in document["settings"]}
    assert (done.returncode, document["kind"], document["verified"]) == (0, "config", None)
    assert values["shared_buffers"] == "4096MB"
    assert "shared_buffers = '4096MB'" in document["text"]
    assert all(setting["formula"] and setting["source"] for setting in document["settings"])


def test_the_file_says_formula_inputs_and_source_above_each_value(host: Path, tmp_path: Path) -> None:
    output = tmp_path / "pgbouncer.ini"
    done = config(tmp_path, "pgbouncer", "--for", str(host), "--clients", "9000", "--output", str(output))
    assert (done.returncode, done.stdout) == (0, "")
    text = output.read_text()
    above, _, _ = text.partition("max_client_conn = 3987\n")
    assert "clients 9000, processes 1, descriptors 4096" in above.rpartition("\n\n")[2]
    assert "source: https://www.pgbouncer.org/config.html" in above.rpartition("\n\n")[2]
    assert "raise LimitNOFILE" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--memory", "8"), 2, "`--memory 8` is no size"),
        (("--memory", "1MB"), 2, "too little for a server"),
        (("--budget", "100"), 2, "Write `--budget 100ms`"),
        (("--for", "nowhere"), 3, "nowhere"),
        (("--output", "/nonexistent/file"), 2, "cannot write /nonexistent/file"),
    ],
)
def test_bad_input_is_one_error_with_a_remedy(
    host: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = config(tmp_path, "postgresql", "--for", str(host), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "remedy:" in done.stderr
    assert "Traceback" not in done.stderr
