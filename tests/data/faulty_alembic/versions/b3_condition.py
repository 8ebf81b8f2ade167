"""Condition of copies.

Revision ID: b3
Revises: a2
"""

import sqlalchemy as sa
from alembic import op

revision = "b3"
down_revision = "a2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("copy_id", sa.BigInteger(), nullable=False),
        # The enum comes into being with the table …
        sa.Column("condition", sa.Enum("new", "used", "worn", name="copy_condition"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True, comment="Null if there is nothing to remark."),
        sa.PrimaryKeyConstraint("id", name="pk_inspections"),
        sa.ForeignKeyConstraint(["copy_id"], ["copies.id"], name="fk_inspections_copy", ondelete="CASCADE"),
    )
    op.create_index("ix_inspections_copy_id", "inspections", ["copy_id"])


def downgrade() -> None:
    op.drop_table("inspections")  # planted: … and does not go with it
