"""S21: the way in, by single sign-on, second factor, session and token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.script import run_steps
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject

TABLES = (
    "sso_providers", "sso_provider_configs", "sso_group_mappings", "sso_user_links", "sso_login_attempts",
    "user_provisioning_rules", "oauth2_clients", "oauth2_authorization_codes", "oauth2_tokens", "mfa_methods",
    "user_sessions",
)  # fmt: skip


def prove(subject: Subject) -> Proof:
    """Find the tables, then sign in, use a token and sign out, all as the application."""
    missing = [name for name in TABLES if name not in subject.catalogue.tables]
    faults = [Fault(name, "there is no such table", "Restore it.") for name in missing]
    if missing:
        return Proof(f"{len(missing)} tables are missing", {"tables": list(TABLES)}, faults)
    path = shipped_facts("sign_in")
    with subject.playground() as connection:
        done, wrong = run_steps(connection, path["step"], path["role"])
    return Proof(
        f"{len(TABLES)} tables; {len(done)} statements from directory to token and out again, as {path['role']}",
        {"tables": list(TABLES), "path": done},
        [*faults, *wrong],
    )


claim = Claim(
    "S21", "SSO, OAuth2 clients, MFA, sessions and SSO group mappings are present: tables and the way in", prove,
    shipped_only=True,
)  # fmt: skip
