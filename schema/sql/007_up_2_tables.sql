SET LOCAL ROLE bench_owner;

CREATE TABLE sso_provider_configs (
    id                      bigint GENERATED ALWAYS AS IDENTITY,
    sso_provider_id         bigint NOT NULL,
    protocol                text NOT NULL,
    version                 integer NOT NULL,
    status                  text NOT NULL DEFAULT 'draft',
    oidc_client_id          text,
    client_secret_encrypted bytea,
    kms_key_id              text,
    authorization_url       text,
    token_url               text,
    jwks_url                text,
    sso_url                 text,
    signing_certificate     text,
    certificate_expires_at  timestamptz,
    claim_mapping           jsonb NOT NULL,
    clock_skew_seconds      smallint NOT NULL DEFAULT 60,
    created_by_user_id      bigint,
    created_at              timestamptz NOT NULL DEFAULT now(),
    activated_at            timestamptz,
    CONSTRAINT pk_sso_provider_configs PRIMARY KEY (id),
    CONSTRAINT uq_sso_provider_configs_version UNIQUE (sso_provider_id, version),
    CONSTRAINT fk_sso_provider_configs_provider FOREIGN KEY (sso_provider_id, protocol)
        REFERENCES sso_providers (id, protocol) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_sso_provider_configs_created_by
        FOREIGN KEY (created_by_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_sso_provider_configs_version CHECK (version >= 1),
    CONSTRAINT ck_sso_provider_configs_status CHECK (status IN ('draft', 'active', 'retired')),
    CONSTRAINT ck_sso_provider_configs_protocol CHECK (
        CASE protocol
            WHEN 'oidc' THEN num_nonnulls(oidc_client_id, authorization_url, token_url, jwks_url) = 4
                AND num_nonnulls(sso_url, signing_certificate, certificate_expires_at) = 0
            ELSE num_nonnulls(sso_url, signing_certificate, certificate_expires_at) = 3
                AND num_nonnulls(oidc_client_id, client_secret_encrypted, authorization_url, token_url, jwks_url) = 0
        END
    ),
    CONSTRAINT ck_sso_provider_configs_urls CHECK (
        authorization_url ~ '^https://[^\s]+$' AND token_url ~ '^https://[^\s]+$' AND jwks_url ~ '^https://[^\s]+$'
        AND sso_url ~ '^https://[^\s]+$'
    ),
    CONSTRAINT ck_sso_provider_configs_encrypted CHECK (
        octet_length(client_secret_encrypted) >= 29
        AND (client_secret_encrypted IS NULL OR kms_key_id IS NOT NULL)
    ),
    CONSTRAINT ck_sso_provider_configs_certificate CHECK (
        signing_certificate ~ '^-----BEGIN CERTIFICATE-----\s' AND certificate_expires_at > created_at
    ),
    CONSTRAINT ck_sso_provider_configs_claim_mapping CHECK (validate_sso_claim_mapping(claim_mapping)),
    CONSTRAINT ck_sso_provider_configs_clock_skew CHECK (clock_skew_seconds BETWEEN 0 AND 300),
    CONSTRAINT ck_sso_provider_configs_activated CHECK (
        (status = 'draft') = (activated_at IS NULL) AND COALESCE(activated_at, created_at) >= created_at
    )
);

CREATE UNIQUE INDEX uq_sso_provider_configs_active ON sso_provider_configs (sso_provider_id)
    WHERE status = 'active';
CREATE INDEX ix_sso_provider_configs_provider ON sso_provider_configs (sso_provider_id, protocol);
CREATE INDEX ix_sso_provider_configs_created_by ON sso_provider_configs (created_by_user_id);

CREATE TABLE sso_group_mappings (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    sso_provider_id bigint NOT NULL,
    external_group  text NOT NULL,
    user_type       text NOT NULL,
    admin_role_id   bigint,
    tenant_id       text,
    priority        smallint NOT NULL DEFAULT 100,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_sso_group_mappings PRIMARY KEY (id),
    CONSTRAINT uq_sso_group_mappings_group UNIQUE (sso_provider_id, external_group)
        INCLUDE (priority, user_type, admin_role_id, tenant_id),
    CONSTRAINT fk_sso_group_mappings_provider
        FOREIGN KEY (sso_provider_id) REFERENCES sso_providers (id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_group_mappings_role
        FOREIGN KEY (admin_role_id) REFERENCES admin_roles (id) ON DELETE RESTRICT,
    CONSTRAINT ck_sso_group_mappings_external_group CHECK (
        external_group = btrim(external_group) AND external_group <> '' AND length(external_group) <= 512
    ),
    CONSTRAINT ck_sso_group_mappings_user_type CHECK (
        user_type IN ('agent', 'underwriter', 'adjuster', 'actuary', 'admin')
    ),
    CONSTRAINT ck_sso_group_mappings_admin CHECK (
        num_nonnulls(admin_role_id, tenant_id) = CASE user_type WHEN 'admin' THEN 2 ELSE 0 END
    ),
    CONSTRAINT ck_sso_group_mappings_tenant_id CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,62}$'),
    CONSTRAINT ck_sso_group_mappings_priority CHECK (priority BETWEEN 1 AND 1000)
);

CREATE INDEX ix_sso_group_mappings_role ON sso_group_mappings (admin_role_id);

CREATE TABLE sso_user_links (
    id               bigint GENERATED ALWAYS AS IDENTITY,
    user_id          bigint NOT NULL,
    sso_provider_id  bigint NOT NULL,
    external_subject text NOT NULL,
    external_email   text,
    linked_at        timestamptz NOT NULL DEFAULT now(),
    last_sign_in_at  timestamptz,
    CONSTRAINT pk_sso_user_links PRIMARY KEY (id),
    CONSTRAINT uq_sso_user_links_subject UNIQUE (sso_provider_id, external_subject) INCLUDE (user_id),
    CONSTRAINT uq_sso_user_links_user UNIQUE (user_id, sso_provider_id),
    CONSTRAINT fk_sso_user_links_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_user_links_provider
        FOREIGN KEY (sso_provider_id) REFERENCES sso_providers (id) ON DELETE CASCADE,
    CONSTRAINT ck_sso_user_links_external_subject CHECK (
        btrim(external_subject) <> '' AND length(external_subject) <= 255
    ),
    CONSTRAINT ck_sso_user_links_external_email CHECK (external_email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'),
    CONSTRAINT ck_sso_user_links_used_after_link CHECK (last_sign_in_at >= linked_at)
);

CREATE TABLE sso_login_attempts (
    id                      bigint GENERATED ALWAYS AS IDENTITY,
    sso_provider_id         bigint NOT NULL,
    state_hash              bytea NOT NULL,
    nonce_hash              bytea,
    code_verifier_encrypted bytea,
    kms_key_id              text,
    redirect_path           text NOT NULL DEFAULT '/',
    ip_address              inet NOT NULL,
    status                  text NOT NULL DEFAULT 'started',
    failure_reason          text,
    user_id                 bigint,
    created_at              timestamptz NOT NULL DEFAULT now(),
    expires_at              timestamptz NOT NULL,
    completed_at            timestamptz,
    CONSTRAINT pk_sso_login_attempts PRIMARY KEY (id),
    CONSTRAINT uq_sso_login_attempts_state_hash UNIQUE (state_hash),
    CONSTRAINT fk_sso_login_attempts_provider
        FOREIGN KEY (sso_provider_id) REFERENCES sso_providers (id) ON DELETE CASCADE,
    CONSTRAINT fk_sso_login_attempts_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT ck_sso_login_attempts_hashes CHECK (octet_length(state_hash) = 32 AND octet_length(nonce_hash) = 32),
    CONSTRAINT ck_sso_login_attempts_encrypted CHECK (
        octet_length(code_verifier_encrypted) >= 29
        AND (code_verifier_encrypted IS NULL OR kms_key_id IS NOT NULL)
    ),
    CONSTRAINT ck_sso_login_attempts_redirect_path CHECK (redirect_path ~ '^/([^/\\\s][^\\\s]*)?$'),
    CONSTRAINT ck_sso_login_attempts_status CHECK (status IN ('started', 'succeeded', 'failed')),
    CONSTRAINT ck_sso_login_attempts_lifetime CHECK (
        expires_at > created_at AND expires_at <= created_at + interval '15 minutes'
    ),
    CONSTRAINT ck_sso_login_attempts_completed CHECK ((status = 'started') = (completed_at IS NULL)),
    CONSTRAINT ck_sso_login_attempts_in_time CHECK (
        completed_at >= created_at AND (completed_at <= expires_at OR status = 'failed')
    ),
    CONSTRAINT ck_sso_login_attempts_success CHECK (status <> 'succeeded' OR user_id IS NOT NULL),
    CONSTRAINT ck_sso_login_attempts_failure CHECK ((status = 'failed') = (failure_reason IS NOT NULL)),
    CONSTRAINT ck_sso_login_attempts_failure_reason CHECK (failure_reason IN (
        'expired', 'state_mismatch', 'signature_invalid', 'claims_invalid', 'no_rule', 'denied_by_rule',
        'account_disabled', 'provider_error'
    ))
);

CREATE INDEX ix_sso_login_attempts_provider ON sso_login_attempts (sso_provider_id, created_at DESC);
CREATE INDEX ix_sso_login_attempts_user_id ON sso_login_attempts (user_id);
CREATE INDEX ix_sso_login_attempts_failed ON sso_login_attempts (ip_address, created_at DESC)
    WHERE status = 'failed';
CREATE INDEX ix_sso_login_attempts_expires_at ON sso_login_attempts (expires_at);

CREATE TABLE user_provisioning_rules (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    sso_provider_id bigint NOT NULL,
    name            text NOT NULL,
    priority        smallint NOT NULL,
    match_field     text NOT NULL,
    match_operator  text NOT NULL,
    match_values    text[] NOT NULL DEFAULT '{}',
    action          text NOT NULL,
    user_type       text,
    enabled         boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_user_provisioning_rules PRIMARY KEY (id),
    CONSTRAINT uq_user_provisioning_rules_priority UNIQUE (sso_provider_id, priority),
    CONSTRAINT uq_user_provisioning_rules_name UNIQUE (sso_provider_id, name),
    CONSTRAINT fk_user_provisioning_rules_provider
        FOREIGN KEY (sso_provider_id) REFERENCES sso_providers (id) ON DELETE CASCADE,
    CONSTRAINT ck_user_provisioning_rules_name CHECK (btrim(name) <> ''),
    CONSTRAINT ck_user_provisioning_rules_priority CHECK (priority BETWEEN 1 AND 1000),
    CONSTRAINT ck_user_provisioning_rules_match_field CHECK (
        match_field IN ('email', 'department', 'employee_number', 'groups')
    ),
    CONSTRAINT ck_user_provisioning_rules_match_operator CHECK (
        match_operator IN ('equals', 'ends_with', 'present')
    ),
    CONSTRAINT ck_user_provisioning_rules_match_values CHECK (
        (match_operator = 'present') = (cardinality(match_values) = 0) AND all_match(match_values, '\S')
    ),
    CONSTRAINT ck_user_provisioning_rules_action CHECK (action IN ('create', 'link_by_email', 'deny')),
    CONSTRAINT ck_user_provisioning_rules_user_type CHECK (
        (action = 'create') = (user_type IS NOT NULL)
        AND user_type IN ('agent', 'underwriter', 'adjuster', 'actuary')
    )
);
