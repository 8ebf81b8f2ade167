"""Customers, policies, claims, and the mechanisms every later revision uses."""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = "001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create roles, state machines, customers, policies and claims."""
    execute_sql(op, "001_up")


def downgrade() -> None:
    """Drop roles, state machines, customers, policies and claims."""
    execute_sql(op, "001_down")
