"""The rendered SQL, read by squawk, a linter of PostgreSQL migrations."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.environment.audit.steps import StepFailed
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Lint:
    """What the linter said. ``evidence`` counts what was suppressed, by rule, with the reason."""

    summary: str
    evidence: dict[str, Any]
    faults: list[Fault] = field(default_factory=list)


def find_squawk() -> Path | None:
    """Return the linter's binary: beside our interpreter, or on the path; None if it is not installed."""
    folder = sysconfig.get_path("scripts")
    found = shutil.which("squawk", path=folder) or shutil.which("squawk")
    return Path(found) if found else None


def lint(subject: Subject) -> Lint:
    """Render the way up as SQL and lint it; what keeps us from it is a named note, never a silent pass."""
    binary = find_squawk()
    if binary is None:
        return _left_out(subject, "squawk is not installed (`pip install squawk-cli`), so the SQL was not linted")
    try:
        text = subject.steps.sql()
    except StepFailed as failure:
        return _left_out(subject, f"the SQL cannot be rendered offline, so it was not linted: {failure}")
    try:
        done = subprocess.run(
            [binary, "--reporter", "json", "--pg-version", "14", "--stdin-filepath", "up.sql"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        found = json.loads(done.stdout or "[]")
    except (subprocess.TimeoutExpired, json.JSONDecodeError, OSError) as error:
        return _left_out(subject, f"squawk failed, so the SQL was not linted: {error}")
    lines = text.splitlines()
    suppressed = shipped_facts("squawk")["suppressed"]
    alembics = [each for each in found if "alembic_version" in _statement(lines, each)]
    rest = [each for each in found if each not in alembics]
    counted = Counter(each["rule_name"] for each in rest if each["rule_name"] in suppressed)
    faults = [
        Fault(
            f"line {each['line'] + 1} of the rendered SQL: {lines[each['line']].strip()[:80]}",
            f"squawk {each['rule_name']}: {each['message']}",
            each["help"] or "See the rule at squawkhq.com.",
        )
        for each in rest
        if each["rule_name"] not in suppressed
    ]
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return Lint(
        f"{version}: {len(faults)} objections, {sum(counted.values())} suppressed with a reason",
        {
            "version": version,
            "lines": len(lines),
            "suppressed": {rule: {"count": count, "reason": suppressed[rule]} for rule, count in counted.items()},
            "alembics_own_table": len(alembics),
        },
        faults,
    )


def _statement(lines: list[str], found: dict[str, Any]) -> str:
    """Return the lines around a finding that make up its statement, roughly."""
    first, last = found["line"], found["line_end"]
    return "\n".join(lines[max(0, first - 1) : last + 1])


def _left_out(subject: Subject, why: str) -> Lint:
    subject.notes.append(why)
    return Lint("not linted", {"left_out": why})
