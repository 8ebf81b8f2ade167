"""Where the shipped schema is broken, one place at a time, and the claims that must notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """Edits of the copied schema, (file, pattern, replacement), and what must come of them.

    ``fails`` says which claim fails and which of its faults' subjects names the place.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    fails: dict[str, str]


def _comment(file: str, what: str) -> tuple[str, str, str]:
    """Take away one COMMENT, or the object it stands on could not be left out."""
    return file, rf"(?m)^COMMENT ON {what} IS\s.*\n", ""


TABLES_1 = "sql/001_up_3_tables.sql"
COMMENTS_1 = "sql/001_up_4_comments.sql"
RULES_1 = "sql/001_up_5_rules_and_grants.sql"
RULES_4 = "sql/004_up_4_rules_and_grants.sql"
POLICIES_6 = "sql/006_up_5_row_security_and_grants.sql"

MUTATIONS = [
    Mutation(
        "a branch in the chain",
        (("versions/007_*.py", 'down_revision = "006"', 'down_revision = "005"'),),
        {"S01": "005"},
    ),
    Mutation(
        "a downgrade that does nothing",
        (("versions/007_*.py", r'    execute_sql\(op, "007_down"\)', "    pass"),),
        {"S02": "007", "S03": "007"},
    ),
    Mutation(
        "a function left behind by a downgrade",
        (("sql/004_down.sql", r"DROP FUNCTION all_match\([^;]*;", ""),),
        {"S02": "004", "S03": "004"},
    ),
    Mutation(
        "rows left behind by a downgrade",
        (("sql/005_down.sql", "DELETE FROM state_transitions WHERE machine = 'notification';", ""),),
        {"S02": "005", "S03": "005"},
    ),
    Mutation(
        "a table without a purpose",
        (_comment(COMMENTS_1, "TABLE policies"),),
        {"S04": "policies"},
    ),
    Mutation(
        "a dropped index",
        (
            (TABLES_1, r"CREATE INDEX ix_policies_state_product [^;]*;", ""),
            _comment(COMMENTS_1, "INDEX ix_policies_state_product"),
        ),
        {"S05": "policies.ix_policies_state_product"},
    ),
    Mutation(
        "an index that says nothing of its query",
        (_comment(COMMENTS_1, "INDEX ix_policies_renewal_due"),),
        {"S05": "ix_policies_renewal_due"},
    ),
    Mutation(
        "a dropped CHECK",
        (
            (TABLES_1, r"    CONSTRAINT ck_policies_term CHECK \([^)]*\),\n", ""),
            _comment(COMMENTS_1, "CONSTRAINT ck_policies_term ON policies"),
        ),
        {"S06": "policies.ck_policies_term", "S10": "ck_policies_term"},
    ),
    Mutation(
        "a CHECK without a reason",
        (_comment(COMMENTS_1, "CONSTRAINT ck_claims_amounts ON claims"),),
        {"S06": "claims.ck_claims_amounts"},
    ),
    Mutation(
        "a CHECK that can never fail",
        ((TABLES_1, r"ck_policies_premium CHECK \(premium > 0\)", "ck_policies_premium CHECK (true)"),),
        {"S06": "policies.ck_policies_premium"},
    ),
    Mutation(
        "a weakened CHECK",
        ((TABLES_1, r"CHECK \(effective_date < expiration_date\)", "CHECK (effective_date <= expiration_date)"),),
        {"S10": "ck_policies_term"},
    ),
    Mutation(
        "a foreign key without ON DELETE",
        ((TABLES_1, r"(fk_claims_policy [^\n]*) ON DELETE RESTRICT", r"\1"),),
        {"S07": "claims.fk_claims_policy"},
    ),
    Mutation(
        "a dropped foreign key",
        (
            (TABLES_1, r"    CONSTRAINT fk_claims_policy [^\n]*\n", ""),
            _comment(COMMENTS_1, "CONSTRAINT fk_claims_policy ON claims"),
        ),
        {"S07": "claims.fk_claims_policy"},
    ),
    Mutation(
        "a dropped NOT NULL",
        ((TABLES_1, r"(    billing_plan +text) NOT NULL", r"\1"),),
        {"S08": "policies.billing_plan"},
    ),
    Mutation(
        "a nullable column without a reason",
        (_comment(COMMENTS_1, "COLUMN policies.producer_code"),),
        {"S08": "policies.producer_code"},
    ),
    Mutation(
        "a default without a reason",
        ((TABLES_1, r"(    billing_plan +text NOT NULL)", r"\1 DEFAULT 'full'"),),
        {"S09": "policies.billing_plan"},
    ),
    Mutation(
        "an error without a hint",
        ((RULES_1, r"HINT = CASE policy\.status.*?END;", "DETAIL = policy.status;"),),
        {"S10": "claims_loss_within_term"},
    ),
    Mutation(
        "a constraint without a remedy",
        ((COMMENTS_1, r"(COMMENT ON CONSTRAINT uq_policies_policy_number .*?)Remedy:", r"\1"),),
        {"S10": "policies.uq_policies_policy_number"},
    ),
    Mutation(
        "a state machine without its trigger",
        (
            (RULES_1, r"CREATE TRIGGER trg_policies_state [^;]*;", ""),
            _comment(RULES_1, "TRIGGER trg_policies_state ON policies"),
        ),
        {"S11": "policy"},
    ),
    Mutation(
        "a lost state transition",
        (("sql/002_up_3_rules_and_grants.sql", r"    \('quote', 'priced', +'offered',[^\n]*\n", ""),),
        {"S11": "quote"},
    ),
    Mutation(
        "an illegal state transition",
        (
            (
                RULES_1,
                r"\('claim',  'denied',       'closed',",
                "('claim', 'denied', 'paid', 'A bribe.'), ('claim',  'denied',       'closed',",
            ),
        ),
        {"S11": "claim"},
    ),
    Mutation(
        "no audit partitions made ahead",
        ((RULES_4, r"SELECT ensure_audit_partitions\(3\);", "SELECT ensure_audit_partitions(0);"),),
        {"S12": "audit_logs: months ahead"},
    ),
    Mutation(
        "retention that detaches nothing",
        (
            (
                "sql/004_up_2_partitions.sql",
                r"b\.upper_bound <= date_trunc\(unit, now\(\)\) - keep \* stride",
                "false",
            ),
        ),
        {"S12": "audit_logs: retention"},
    ),
    Mutation(
        "row-level security not forced",
        ((POLICIES_6, r"ALTER TABLE system_settings FORCE ROW LEVEL SECURITY;", ""),),
        {"S13": "system_settings"},
    ),
    Mutation(
        "a dropped policy",
        (
            (POLICIES_6, r"CREATE POLICY rls_system_settings_update [^;]*;", ""),
            _comment(POLICIES_6, "POLICY rls_system_settings_update ON system_settings"),
        ),
        {"S13": "system_settings"},
    ),
    Mutation(
        "a policy that lets everybody read",
        ((POLICIES_6, r"(rls_admin_activity_logs_select [^\n]*\n    USING \()[^;]*;", r"\1true);"),),
        {"S13": "admin_activity_logs"},
    ),
    Mutation(
        "a policy that reads its setting once a row",
        (
            (
                POLICIES_6,
                r"(rls_system_settings_select [^\n]*\n    USING \(tenant_id = )\(SELECT ([^;]*)\)\);",
                r"\1\2);",
            ),
        ),
        {"S13": "system_settings.rls_system_settings_select"},
    ),
    Mutation(
        "a validator that takes anything",
        (
            (
                "sql/006_up_1_documents.sql",
                r"RETURN admin_permissions_problem\(document\) IS NULL;",
                "RETURN document IS NOT NULL;",
            ),
        ),
        {"S14": "validate_admin_permissions"},
    ),
    Mutation(
        "a dropped GIN index",
        (
            (TABLES_1, r"CREATE INDEX ix_policies_coverage_gin [^;]*;", ""),
            _comment(COMMENTS_1, "INDEX ix_policies_coverage_gin"),
        ),
        {"S15": "ix_policies_coverage_gin"},
    ),
    Mutation(
        "the rate index in another order",
        (
            (
                "sql/003_up_2_tables.sql",
                r"(ix_rate_tables_state_product_coverage_date\s+ON \w+ \()state, product, coverage, effective_date",
                r"\1effective_date, coverage, product, state",
            ),
        ),
        {"S16": "ix_rate_tables_state_product_coverage_date"},
    ),
    Mutation(
        "a partial index without its condition",
        (
            (
                "sql/005_up_1_tables.sql",
                r"(ix_websocket_connections_active [^;]*?)\s+WHERE disconnected_at IS NULL;",
                r"\1;",
            ),
        ),
        {"S17": "ix_websocket_connections_active"},
    ),
    Mutation(
        "a foreign key without an index",
        (
            (TABLES_1, r"CREATE INDEX ix_policies_renewal_of_policy_id [^;]*;", ""),
            _comment(COMMENTS_1, "INDEX ix_policies_renewal_of_policy_id"),
        ),
        {"S18": "policies.fk_policies_renewal_of"},
    ),
    Mutation(
        "a secret that is not marked",
        ((COMMENTS_1, r"(COMMENT ON COLUMN customers\.ssn_last4_encrypted [^;]*?)sensitive: kms\.?", r"\1"),),
        {"S19": "customers.ssn_last4_encrypted"},
    ),
    Mutation(
        "a missing grant",
        ((RULES_1, "GRANT SELECT, INSERT, UPDATE ON policies, claims", "GRANT SELECT, INSERT ON policies, claims"),),
        {"S20": "policies"},
    ),
    Mutation(
        "a grant too many",
        (
            (
                RULES_1,
                "GRANT SELECT, INSERT, UPDATE ON policies, claims",
                "GRANT SELECT, INSERT, UPDATE, DELETE ON policies, claims",
            ),
        ),
        {"S20": "claims"},
    ),
    Mutation(
        "a clock that nobody winds",
        (
            (RULES_1, r"CREATE TRIGGER trg_policies_updated_at [^;]*;", ""),
            _comment(RULES_1, "TRIGGER trg_policies_updated_at ON policies"),
        ),
        {"S20": "policies"},
    ),
    Mutation(
        "an audit log that can be changed",
        (
            ("sql/004_up_2_partitions.sql", r"CREATE TRIGGER trg_audit_logs_immutable [^;]*;", ""),
            _comment(RULES_4, "TRIGGER trg_audit_logs_immutable ON audit_logs"),
        ),
        {"S10": "audit_logs_immutable", "S20": "audit_logs"},
    ),
    Mutation(
        "no way into a session",
        (
            (
                RULES_4,
                "GRANT SELECT, INSERT, UPDATE, DELETE ON user_sessions, mfa_methods,",
                "GRANT SELECT, INSERT, UPDATE, DELETE ON mfa_methods,",
            ),
        ),
        {"S21": "open a session"},
    ),
    Mutation(
        "one pair of eyes",
        (
            ("sql/006_up_2_tables.sql", r"    CONSTRAINT ck_rate_approval_steps_four_eyes CHECK \([^)]*\),\n", ""),
            _comment("sql/006_up_3_comments.sql", "CONSTRAINT ck_rate_approval_steps_four_eyes ON rate_approval_steps"),
        ),
        {"S22": "not decide on one's own proposal"},
    ),
    Mutation(
        "a change that is not logged",
        (
            ("sql/006_up_4_rules.sql", r"CREATE TRIGGER trg_rate_approvals_log_update [^;]*;", ""),
            _comment("sql/006_up_4_rules.sql", "TRIGGER trg_rate_approvals_log_update ON rate_approvals"),
        ),
        {"S22": "submit it"},
    ),
]  # fmt: skip
