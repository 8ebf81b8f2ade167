"""Books.

Revision ID: a1
"""

import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("isbn", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("subtitle", sa.Text(), nullable=True),  # planted: no comment says why it may be null
        sa.Column("published_on", sa.Date(), nullable=True, comment="Null for what was never published."),
        sa.Column("pages", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_books"),
        sa.UniqueConstraint("isbn", name="uq_books_isbn"),
        sa.CheckConstraint("pages > 0 AND pages < 10000", name="ck_books_pages"),
        sa.CheckConstraint("btrim(title) <> ''", name="ck_books_title"),
    )


def downgrade() -> None:
    op.drop_table("books")
