"""Copies.

Revision ID: a2
Revises: a1
"""

import sqlalchemy as sa
from alembic import op

revision = "a2"
down_revision = "a1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "copies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("shelf", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Text(),
            server_default="present",
            nullable=False,
            comment="Default present: a new copy is put on its shelf.",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_copies"),
        sa.ForeignKeyConstraint(["book_id"], ["books.id"], name="fk_copies_book"),  # planted: no ondelete
        sa.CheckConstraint("status IN ('present', 'lent', 'lost')", name="ck_copies_status"),
    )
    op.create_index("ix_copies_book_id", "copies", ["book_id"])


def downgrade() -> None:
    op.drop_table("copies")
