"""Loans.

Revision ID: c3
Revises: a2
"""

import sqlalchemy as sa
from alembic import op

revision = "c3"
down_revision = "a2"  # planted: b3 follows a2 too
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "loans",
        sa.Column("copy_id", sa.BigInteger(), nullable=False),
        sa.Column("borrower", sa.Text(), nullable=False),
        sa.Column("lent_on", sa.Date(), server_default=sa.text("CURRENT_DATE"), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("returned_on", sa.Date(), nullable=True, comment="Null while the copy is out."),
        sa.PrimaryKeyConstraint("borrower", "copy_id", "lent_on", name="pk_loans"),
        # planted: no index begins with copy_id
        sa.ForeignKeyConstraint(["copy_id"], ["copies.id"], name="fk_loans_copy", ondelete="RESTRICT"),
        sa.CheckConstraint("due_on > lent_on", name="ck_loans_due"),
        sa.CheckConstraint("returned_on >= lent_on", name="ck_loans_returned"),
    )


def downgrade() -> None:
    pass  # planted
