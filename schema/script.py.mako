"""${message}"""

from __future__ import annotations

from alembic import op
from sql_files import execute_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create … (schema/sql/${up_revision}_up.sql)."""
    execute_sql(op, "${up_revision}_up")


def downgrade() -> None:
    """Drop all of it (schema/sql/${up_revision}_down.sql)."""
    execute_sql(op, "${up_revision}_down")
