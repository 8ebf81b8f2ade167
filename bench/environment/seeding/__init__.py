"""The generated data, by subject: what is loaded, and what must be there before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.environment.seeding import (
    admin,
    applicants,
    customers,
    evidence,
    filings,
    messages,
    policies,
    rates,
    realtime,
    security,
    sso,
)

if TYPE_CHECKING:
    import datetime as dt

    from bench.environment.seeding.table import Table


@dataclass(frozen=True)
class Subject:
    """Tables that are loaded one after the other, once the subjects they refer to are there."""

    name: str
    tables: tuple[Table, ...]
    after: tuple[str, ...] = ()


SUBJECTS = (
    Subject("customers and users", customers.TABLES),
    Subject("rate book", (*rates.TABLES, *filings.TABLES), ("customers and users",)),
    Subject("policies and claims", policies.TABLES, ("customers and users",)),
    Subject("quotes", applicants.TABLES, ("rate book", "policies and claims")),
    Subject("sign-in", security.TABLES, ("customers and users",)),
    Subject("audit log", evidence.TABLES),
    Subject("realtime and analytics", (*realtime.TABLES, *messages.TABLES), ("policies and claims", "sign-in")),
    Subject("administration", admin.TABLES, ("rate book",)),
    Subject("single sign-on", sso.TABLES, ("sign-in", "administration")),
)

FIRST_MONTHS: dict[str, dt.date] = {
    "ensure_audit_partitions": evidence.FIRST_MONTH,
    "ensure_analytics_partitions": realtime.FIRST_MONTH,
}
"""Functions that make partitions, with the first month that holds data."""
