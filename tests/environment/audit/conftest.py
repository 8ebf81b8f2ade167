"""Copies of the shipped schema to break, and small Alembic environments to audit."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Protocol

import pytest

from bench.environment import migrations
from bench.environment.audit.run import audit

if TYPE_CHECKING:
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.model.ledger import Ledger

ENV = """
from alembic import context
from sqlalchemy import engine_from_config
from sqlalchemy.pool import NullPool

section = {"sqlalchemy.url": URL or context.config.get_main_option("sqlalchemy.url")}
if context.is_offline_mode():
    context.configure(url=section["sqlalchemy.url"], literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with engine_from_config(section, poolclass=NullPool).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
REVISION = '''"""A revision."""

from alembic import op

revision = {id!r}
down_revision = {down!r}


def upgrade():
    op.execute({up!r})


def downgrade():
    op.execute({back!r})
'''


class WriteEnvironment(Protocol):
    """Writes an Alembic environment of revisions (id, parent, SQL up, SQL down)."""

    def __call__(self, *revisions: tuple[str, object, str, str], url: str | None = None) -> Path:
        """Return its folder. ``url`` makes it migrate that database whatever it is told."""


@pytest.fixture
def write_environment(tmp_path: Path) -> WriteEnvironment:
    def write(*revisions: tuple[str, object, str, str], url: str | None = None) -> Path:
        folder = tmp_path / "migrations"
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text(f"URL = {url!r}\n{ENV}")
        for number, (name, down, up, back) in enumerate(revisions):
            text = REVISION.format(id=name, down=down, up=up, back=back)
            (folder / "versions" / f"{number}_{name}.py").write_text(text)
        return folder

    return write


class AuditBroken(Protocol):
    """Audits a copy of the shipped schema in which one text was replaced by another."""

    def __call__(self, file: str, old: str, new: str, *claims: str) -> Ledger:
        """Try some claims on the broken copy."""


@pytest.fixture
def audit_broken(environment: Environment, tmp_path: Path) -> AuditBroken:
    def break_and_audit(file: str, old: str, new: str, *claims: str) -> Ledger:
        folder = tmp_path / "schema"
        shutil.copytree(migrations.script_location(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        path = folder / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1, f"{file} holds the text to break {text.count(old)} times"
        path.write_text(text.replace(old, new), "utf-8")
        return audit(environment.admin, lambda _: None, location=folder, shipped=True, only=claims)

    return break_and_audit
