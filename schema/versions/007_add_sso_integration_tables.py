"""Single sign-on: directories' settings, groups, people, attempts and the rules for newcomers."""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = "007"
down_revision = "006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the settings of directories and what follows from a sign-in through them."""
    execute_sql(op, "007_up")


def downgrade() -> None:
    """Drop the settings of directories and what follows from a sign-in through them."""
    execute_sql(op, "007_down")
