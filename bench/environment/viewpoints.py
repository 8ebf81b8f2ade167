"""From where the same statement looks different: as the tables' owner, and as a tenant that is not there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.environment.connection import connected
from bench.environment.plans import Viewpoint
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Collection

    from bench.model.endpoint import Endpoint

_TABLES = """
SELECT pg_get_userbyid(c.relowner), pg_has_role(session_user, c.relowner, 'MEMBER'),
       ARRAY(SELECT concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
               FROM pg_policy p
              WHERE r.relrowsecurity AND p.polrelid = r.oid)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = COALESCE(CASE WHEN c.relispartition THEN pg_partition_root(c.oid) END, c.oid)
WHERE c.relname = ANY(%s) AND c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"""
_SETTING = re.compile(r"current_setting\('(?P<name>\w+\.\w+)'")
_NOBODY = (("::uuid", "00000000-0000-0000-0000-00000000dead"), ("::bigint", "-1"), ("::integer", "-1"))
"""Values that no tenant has, by the type that a policy compares with; as text otherwise."""
_NOBODYS_NAME = "poolbench-nobody"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who owns the tables of a plan, and by which settings their policies tell tenants apart."""

    owners: tuple[str, ...]
    reachable: bool
    """Whether the admin's connection may take the owner's role."""
    foreign: tuple[tuple[str, str], ...]
    """Settings of a tenant that is not there; none without row-level security."""


def read_surroundings(admin: Endpoint, tables: Collection[str]) -> Surroundings:
    """Look the tables of a plan up in the catalogue."""
    with connected(admin) as connection:
        rows = connection.execute(_TABLES, [sorted(tables)]).fetchall()
    settings = {
        found["name"]: _nobody(policy) for row in rows for policy in row[2] for found in _SETTING.finditer(policy)
    }
    return Surroundings(
        owners=tuple(sorted({row[0] for row in rows})),
        reachable=all(row[1] for row in rows),
        foreign=tuple(sorted(settings.items())),
    )


def _nobody(policy: str) -> str:
    return next((value for cast, value in _NOBODY if cast in policy), _NOBODYS_NAME)


def choose_viewpoints(around: Surroundings) -> tuple[list[Viewpoint], list[Caveat]]:
    """Return the viewpoints beside the load's own, and what cannot be looked at and why."""
    views: list[Viewpoint] = []
    caveats: list[Caveat] = []
    if len(around.owners) == 1 and around.reachable:
        views.append(Viewpoint("owner", set_role=around.owners[0]))
    elif around.owners:
        names = ", ".join(around.owners)
        why = "several roles own the tables" if len(around.owners) > 1 else "the connection may not take that role"
        caveats.append(
            Caveat(
                code="no-owner-plan",
                text=f"no plans as the owner ({names}): {why}",
                cure=f"Connect with a role that is a member of {names} to have them.",
            )
        )
    if around.foreign:
        views.append(Viewpoint("foreign", settings=around.foreign))
    return views, caveats
