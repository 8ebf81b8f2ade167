"""Administration: roles and permissions, settings, the approval of rates, and a log of it all."""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = "006"
down_revision = "005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the administration, its four-eyes workflow and the row-level security of tenants."""
    execute_sql(op, "006_up")


def downgrade() -> None:
    """Drop the administration, its workflow and its policies."""
    execute_sql(op, "006_down")
