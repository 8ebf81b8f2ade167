"""Sessions, second factors, OAuth2, single sign-on, and an audit log that cannot be changed."""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = "004"
down_revision = "003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the sign-in tables, the partitioned audit log and the retention rules."""
    execute_sql(op, "004_up")


def downgrade() -> None:
    """Drop the sign-in tables, the audit log with its detached months, and the retention rules."""
    execute_sql(op, "004_down")
