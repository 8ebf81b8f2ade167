"""Presence, events, messages and figures in real time."""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = "005"
down_revision = "004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create connections, partitioned events, notifications, metrics and subscriptions."""
    execute_sql(op, "005_up")


def downgrade() -> None:
    """Drop connections, events with their detached months, notifications, metrics and subscriptions."""
    execute_sql(op, "005_down")
