"""The built wheel, installed in an empty folder, runs the main job."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

ALLOWED = re.compile(
    r"bench/[\w/.]+\.(py|sql|j2|css|js|html|tmpl|toml|json)|bench/py\.typed|bench/_shipped/(scenarios|schema)/[\w./-]+"
    r"|poolbench-[\w.]+\.dist-info/[\w./]+"
)


def _build(folder: Path, **variables: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, env={**os.environ, **variables})
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_is_the_same_wherever_it_is_built_and_holds_nothing_but_the_program(tmp_path: Path) -> None:
    first = _build(tmp_path / "first", TZ="UTC", LC_ALL="C")
    second = _build(tmp_path / "second", TZ="Asia/Tokyo", LC_ALL="C.UTF-8", PYTHONHASHSEED="7")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = [one.filename for one in archive.infolist()]
        modes = {one.external_attr >> 16 & 0o7022 for one in archive.infolist()}
    assert [name for name in names if not ALLOWED.fullmatch(name)] == []
    assert not any("test" in Path(name).parts or ".pyc" in name for name in names)
    assert modes == {0}, "nobody else may write, and nothing runs with another's rights"


@pytest.mark.pg
@pytest.mark.slow
def test_the_wheel_runs_the_main_job_in_an_empty_folder(open_folder: Path, pgbouncer: Path | None) -> None:
    built, site, work = open_folder / "built", open_folder / "site", open_folder / "work"
    work.mkdir()
    wheel = _build(built)
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True)
    variables = {**os.environ, "PYTHONPATH": str(site)}
    levels = ["--sweep", "pool.size=2,4", "--set", "load.clients=4", "--replicates", "2"]
    shape = ["--set", "run.window=500ms", "--set", "run.warmup=200ms", "--set", "dataset.scale=0.01"]
    extra = ["--pgbouncer", str(pgbouncer)] if pgbouncer else []
    command = [sys.executable, "-m", "bench", "run", "rating_lookup", "--quick", "--json", *levels, *shape, *extra]
    done = subprocess.run(command, cwd=work, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 4), done.stderr
    where = [sys.executable, "-c", "import bench; print(bench.__file__)"]
    assert (
        str(site) in subprocess.run(where, cwd=work, env=variables, capture_output=True, text=True, check=True).stdout
    )
    document = json.loads(done.stdout)
    assert (work / document["report"]).stat().st_size < 3_000_000
    measurements = json.loads((work / document["path"] / "measurements.json").read_text())["measurements"]
    assert {row["treatment"]["pool.size"] for row in measurements} == {2, 4}
    plans = json.loads(next((work / document["path"]).glob("trials/*/plans.json")).read_text())
    assert "ix_rate_tables_state_product_coverage_date" in json.dumps(plans)
