"""The rating engine: rates, factors, rules, and the function that prices a risk."""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = "003"
down_revision = "002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the rating engine."""
    execute_sql(op, "003_up")


def downgrade() -> None:
    """Drop the rating engine."""
    execute_sql(op, "003_down")
