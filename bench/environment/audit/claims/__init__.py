"""The schema side of the ledger, one claim a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claims import (
    s01_linear_chain,
    s02_real_migrations,
    s03_nothing_left,
    s04_tables,
    s05_specialised_indexes,
    s06_business_rules,
    s07_on_delete,
    s08_nullable_with_reason,
    s09_defaults_with_reason,
    s10_errors_name_remedy,
    s11_state_machines,
    s12_partitions,
    s13_row_security,
    s14_documents,
    s15_gin_indexes,
    s16_rate_lookup,
    s17_partial_indexes,
    s18_foreign_keys_indexed,
    s19_sensitive_columns,
    s20_crud,
    s21_sign_in,
    s22_rate_approval,
)

if TYPE_CHECKING:
    from bench.environment.audit.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    s01_linear_chain.claim,
    s02_real_migrations.claim,
    s03_nothing_left.claim,
    s04_tables.claim,
    s05_specialised_indexes.claim,
    s06_business_rules.claim,
    s07_on_delete.claim,
    s08_nullable_with_reason.claim,
    s09_defaults_with_reason.claim,
    s10_errors_name_remedy.claim,
    s11_state_machines.claim,
    s12_partitions.claim,
    s13_row_security.claim,
    s14_documents.claim,
    s15_gin_indexes.claim,
    s16_rate_lookup.claim,
    s17_partial_indexes.claim,
    s18_foreign_keys_indexed.claim,
    s19_sensitive_columns.claim,
    s20_crud.claim,
    s21_sign_in.claim,
    s22_rate_approval.claim,
)
