"""Users, and quotes from the first draft to the policy."""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = "002"
down_revision = "001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create users and the quote system."""
    execute_sql(op, "002_up")


def downgrade() -> None:
    """Drop users and the quote system."""
    execute_sql(op, "002_down")
