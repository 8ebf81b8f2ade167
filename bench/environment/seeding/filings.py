"""Revision 003, how rates came about: each rate was proposed, filed and approved, some only at the second attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.environment.seeding import columns as c
from bench.environment.seeding.customers import staff_of
from bench.environment.seeding.dates import DAY, NOW
from bench.environment.seeding.market import COVERAGES
from bench.environment.seeding.ratebook import KEYS
from bench.environment.seeding.rates import RATE_TABLES, filed_at
from bench.environment.seeding.table import Table

if TYPE_CHECKING:
    from bench.environment.seeding.columns import Columns
    from bench.environment.seeding.strings import Ints, Mask
    from bench.environment.seeding.table import World

_SLOTS = 3
REFUSED, APPROVED, OPEN = range(_SLOTS)
"""A rate's versions: one that came to nothing, the one in the rate table, and the one that shall replace it."""
_STATUSES = ("draft", "filed", "approved", "rejected", "withdrawn")
_REASONS = ("Loss trend", "Expense provision", "Reinsurance cost", "Catastrophe load", "Competitive position")


def version_id(rate: Ints, slot: Ints | int) -> Ints:
    """Return the id of a version of a rate."""
    return (rate - 1) * _SLOTS + slot + 1


def has_open_version(world: World, rate: Ints) -> Mask:
    """Tell which rates are about to be replaced: some of those in force."""
    in_force: Mask = (rate - 1) // KEYS == world.book.revisions - 1
    return in_force & world.draw("rate_table_versions").happens("open", rate, 0.5)


def _versions(world: World, ids: Ints) -> Columns:
    """One unit is a rate."""
    draw = world.draw("rate_table_versions")
    refused, open_ = draw.happens("refused", ids, 0.15), has_open_version(world, ids)
    exists = np.stack((refused, np.ones(len(ids), dtype=np.bool_), open_), axis=1)
    owner, slot = np.nonzero(exists)
    owner, slot = owner.astype(np.int64), slot.astype(np.int64)
    rate = ids[owner]
    revision, key = np.divmod(rate - 1, KEYS)
    book = world.book
    base = book.base_cents[key, revision]
    before = book.base_cents[key, np.maximum(revision - 1, 0)]
    following = draw.integers("next", rate, -300, 901)
    change = np.where(slot == OPEN, following, (base - before) * 10_000 // before)
    change = np.where(slot == REFUSED, change + 400, change)
    proposed = np.where(slot == OPEN, base * (10_000 + following) // 10_000, base)
    proposed = np.where(slot == REFUSED, proposed * 104 // 100, proposed)
    filed = filed_at(book.starts[key, revision])
    filed = np.where(slot == REFUSED, filed - 40 * DAY, filed)
    filed = np.where(slot == OPEN, NOW - draw.integers("filed", rate, 1, 30) * DAY, filed)
    status = np.where(slot == APPROVED, 2, np.where(slot == OPEN, 0, 3))
    status = np.where((slot == OPEN) & draw.happens("is_filed", rate, 0.5), 1, status)
    status = np.where((slot == REFUSED) & draw.happens("withdrawn", rate, 0.3), 4, status)
    actuaries = staff_of("actuary", world.sizes.staff)
    number = slot + refused[owner]
    return {
        "id": c.bigint(version_id(rate, slot)),
        "rate_table_id": c.bigint(rate),
        "version_number": c.integer(number),
        "status": c.word(_STATUSES, status),
        "base_rate": c.numeric(proposed),
        "minimum_premium": c.numeric(book.minimum_cents[key % len(COVERAGES)]),
        "change_percent": c.numeric(change),
        "change_reason": c.word(_REASONS, draw.integers("reason", rate, 0, len(_REASONS))),
        "proposed_by_user_id": c.bigint(actuaries[draw.rank("actuary", rate, len(actuaries), 0.4)]),
        "filed_at": c.timestamptz(filed, null=status == 0),
        "decided_at": c.timestamptz(filed + 20 * DAY, null=(status != 2) & (status != 3)),
        "created_at": c.timestamptz(filed - draw.integers("drafted", rate, 2, 20) * DAY),
    }


TABLES = (Table("rate_table_versions", RATE_TABLES.units, _versions),)
