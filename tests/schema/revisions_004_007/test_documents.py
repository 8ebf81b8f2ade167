"""Permission documents and claim mappings: what is well formed passes, everything else is refused and explained."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.types.json import Jsonb

pytestmark = pytest.mark.pg

Connection = psycopg.Connection[tuple[Any, ...]]
READ = {"resource": "audit", "actions": ["read"]}
CLAIMS = {"resource": "claims", "actions": ["read", "approve"], "states": ["CA", "NV"], "max_amount": 2500.5}
MAPPING = {"subject": "sub", "email": "email"}


def _grants(*grants: Any) -> dict[str, Any]:
    return {"version": 1, "grants": list(grants)}


GOOD_PERMISSIONS = [
    _grants(READ),
    _grants(CLAIMS),
    _grants(READ, CLAIMS, {"resource": "rates", "actions": ["create", "read", "update", "approve"]}),
    _grants({"resource": "policies", "actions": ["approve"], "max_amount": 0.01}),
    {"version": 1.0, "grants": [READ]},
]

BAD_PERMISSIONS: list[tuple[Any, str]] = [
    (None, "the document is not an object"),
    ([], "the document is not an object"),
    ("read", "the document is not an object"),
    ({}, "version is not 1"),
    ({"version": 2, "grants": [READ]}, "version is not 1"),
    ({"version": "1", "grants": [READ]}, "version is not 1"),
    ({"version": 1}, "grants is not a list of at least one grant"),
    (_grants(), "grants is not a list of at least one grant"),
    ({"version": 1, "grants": READ}, "grants is not a list of at least one grant"),
    (_grants(READ) | {"grant": []}, '"grant" is not a member of the document'),
    (_grants("audit"), "grants[0] is not an object"),
    (_grants(READ, None), "grants[1] is not an object"),
    (_grants(READ | {"state": ["CA"]}), 'grants[0] has no member "state"'),
    (_grants({"actions": ["read"]}), "grants[0] names no known resource"),
    (_grants({"resource": "everything", "actions": ["read"]}), "grants[0] names no known resource"),
    (_grants({"resource": "*", "actions": ["*"]}), "grants[0] names no known resource"),
    (_grants({"resource": ["audit"], "actions": ["read"]}), "grants[0] names no known resource"),
    (_grants(READ, {"resource": "audit", "actions": ["export"]}), 'grants[1] names "audit" a second time'),
    (_grants({"resource": "audit"}), "grants[0].actions is not a list"),
    (_grants({"resource": "audit", "actions": "read"}), "grants[0].actions is not a list"),
    (_grants({"resource": "audit", "actions": []}), "grants[0].actions is empty"),
    (_grants({"resource": "audit", "actions": [1]}), "grants[0].actions holds something that is not a text"),
    (_grants({"resource": "audit", "actions": ["read", " "]}), "grants[0].actions holds a malformed text"),
    (_grants({"resource": "audit", "actions": ["read", "read"]}), "grants[0].actions holds the same text twice"),
    (_grants({"resource": "audit", "actions": ["delete"]}), 'grants[0].actions holds one that "audit" does not offer'),
    (_grants({"resource": "audit", "actions": ["Read"]}), 'grants[0].actions holds one that "audit" does not offer'),
    (_grants(READ | {"states": ["CA"]}), 'grants[0].states makes no sense for "audit"'),
    (_grants(CLAIMS | {"states": []}), "grants[0].states is empty"),
    (_grants(CLAIMS | {"states": None}), "grants[0].states is not a list"),
    (_grants(CLAIMS | {"states": ["California"]}), "grants[0].states holds a malformed text"),
    (_grants(CLAIMS | {"states": ["CA", "CA"]}), "grants[0].states holds the same text twice"),
    (_grants(CLAIMS | {"max_amount": "2500"}), "grants[0].max_amount is not a number"),
    (_grants(CLAIMS | {"max_amount": 0}), "grants[0].max_amount is not an amount of money"),
    (_grants(CLAIMS | {"max_amount": -1}), "grants[0].max_amount is not an amount of money"),
    (_grants(CLAIMS | {"actions": ["read"]}), "grants[0].max_amount makes sense only for approving policies or claims"),
    (_grants(READ | {"max_amount": 1}), "grants[0].max_amount makes sense only for approving policies or claims"),
]  # fmt: skip

GOOD_MAPPINGS = [
    MAPPING,
    MAPPING | {"groups": {"claim": "memberOf", "separator": ";"}, "department": "dept"},
    {"subject": "oid", "email": {"claim": "mail", "transform": "lower"}, "first_name": {"claim": "given_name"}},
    MAPPING | {"display_name": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"},
]

BAD_MAPPINGS: list[tuple[Any, str]] = [
    (None, "the document is not an object"),
    ("sub", "the document is not an object"),
    ({}, "subject and email are not both mapped"),
    ({"subject": "sub"}, "subject and email are not both mapped"),
    (MAPPING | {"phone": "phone"}, '"phone" is not a field of ours'),
    (MAPPING | {"email": None}, "email is neither a claim name nor an object"),
    (MAPPING | {"groups": ["groups"]}, "groups is neither a claim name nor an object"),
    (MAPPING | {"email": ""}, "email names no claim"),
    (MAPPING | {"email": "e mail"}, "email names no claim"),
    (MAPPING | {"email": {}}, "email names no claim"),
    (MAPPING | {"email": {"claim": 1}}, "email names no claim"),
    (MAPPING | {"subject": {"claim": "sub"}}, "subject is not a plain claim name: it must be taken as it is"),
    (MAPPING | {"email": {"claim": "mail", "separator": ","}}, 'email has no member "separator"'),
    (MAPPING | {"groups": {"claim": "g", "transform": "lower"}}, 'groups has no member "transform"'),
    (MAPPING | {"email": {"claim": "mail", "transform": "rot13"}}, "email.transform is not lower, upper or trim"),
    (MAPPING | {"groups": {"claim": "g", "separator": "::"}},
     "groups.separator is not a comma, semicolon, bar or space"),
    ({"subject": "mail", "email": "mail"}, "subject and email are the same claim"),
    ({"subject": "mail", "email": {"claim": "mail", "transform": "lower"}}, "subject and email are the same claim"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("admin_permissions", GOOD_PERMISSIONS, BAD_PERMISSIONS),
        ("sso_claim_mapping", GOOD_MAPPINGS, BAD_MAPPINGS),
    ],
)
def test_documents_are_judged_and_explained(
    kind: str, good: list[Any], bad: list[tuple[Any, str]], empty: Connection
) -> None:
    """As the application: the validator answers true or false, never null, and the explanation names the place."""
    empty.execute("SET ROLE bench_app")
    assert len(bad) >= 15
    query = f"SELECT validate_{kind}(%s), {kind}_problem(%s)".encode()
    for document, problem in [*((document, None) for document in good), *bad]:
        argument = Jsonb(document)
        answer = empty.execute(query, [argument, argument]).fetchone()
        assert answer == (problem is None, problem), json.dumps(document)
    assert empty.execute(query, [None, None]).fetchone() == (False, "the document is not an object")


def test_documents_are_judged_wherever_they_are_stored(filled: Connection) -> None:
    """A malformed document is refused on update as on insert, and the error leads to the explanation."""
    for table, column in (
        ("admin_roles", "permissions"),
        ("admin_permissions", "permissions"),
        ("sso_provider_configs", "claim_mapping"),
    ):
        change = sql.SQL("UPDATE {} SET {} = '{{}}'").format(sql.Identifier(table), sql.Identifier(column))
        with pytest.raises(errors.CheckViolation) as caught, filled.transaction():
            filled.execute(change)
        rule = caught.value.diag.constraint_name
        assert rule == f"ck_{table}_{column}"
        remedy = filled.execute(
            "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = %s", [rule]
        ).fetchone()
        assert remedy is not None
        assert "_problem(document) says what is wrong" in remedy[0]


def test_validators_are_immutable(empty: Connection) -> None:
    """A CHECK that depended on anything but the row would let a restored dump hold what it refuses."""
    volatility = empty.execute(
        """SELECT DISTINCT provolatile::text, proparallel::text FROM pg_proc
           WHERE proname IN ('validate_admin_permissions', 'admin_permissions_problem', 'text_list_problem',
                             'validate_sso_claim_mapping', 'sso_claim_mapping_problem', 'all_match')"""
    ).fetchall()
    assert volatility == [("i", "s")]
