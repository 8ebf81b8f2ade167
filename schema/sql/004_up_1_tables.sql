SET LOCAL ROLE bench_owner;

-- A CHECK cannot hold a subquery, so looking at every element of an array needs a function.
CREATE FUNCTION all_match(items text[], pattern text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT EXISTS (SELECT FROM unnest(items) AS item WHERE item IS NULL OR item !~ pattern);

COMMENT ON FUNCTION all_match(text[], text) IS
    'Whether every element of the array matches the regular expression; true for an empty array, false if an element is null.';

CREATE TABLE sso_providers (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    name          text NOT NULL,
    display_name  text NOT NULL,
    protocol      text NOT NULL,
    issuer        text NOT NULL,
    metadata_url  text,
    email_domains text[] NOT NULL DEFAULT '{}',
    status        text NOT NULL DEFAULT 'disabled',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_sso_providers PRIMARY KEY (id),
    CONSTRAINT uq_sso_providers_name UNIQUE (name),
    CONSTRAINT uq_sso_providers_issuer UNIQUE (issuer),
    CONSTRAINT uq_sso_providers_protocol UNIQUE (id, protocol),
    CONSTRAINT ck_sso_providers_name CHECK (name ~ '^[a-z][a-z0-9-]{1,62}$'),
    CONSTRAINT ck_sso_providers_display_name CHECK (btrim(display_name) <> ''),
    CONSTRAINT ck_sso_providers_protocol CHECK (protocol IN ('oidc', 'saml')),
    CONSTRAINT ck_sso_providers_issuer CHECK (issuer ~ '^(https://|urn:)[^\s]+$'),
    CONSTRAINT ck_sso_providers_metadata_url CHECK (metadata_url ~ '^https://[^\s]+$'),
    CONSTRAINT ck_sso_providers_email_domains CHECK (
        all_match(email_domains, '^[a-z0-9-]+(\.[a-z0-9-]+)+$')
    ),
    CONSTRAINT ck_sso_providers_status CHECK (status IN ('active', 'disabled'))
);

-- Every request touches last_seen_at; the free space keeps that a heap-only update.
CREATE TABLE user_sessions (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    user_id         bigint NOT NULL,
    token_hash      bytea NOT NULL,
    auth_method     text NOT NULL,
    sso_provider_id bigint,
    mfa_verified_at timestamptz,
    ip_address      inet NOT NULL,
    user_agent      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    revoke_reason   text,
    CONSTRAINT pk_user_sessions PRIMARY KEY (id),
    CONSTRAINT uq_user_sessions_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_user_sessions_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_user_sessions_sso_provider
        FOREIGN KEY (sso_provider_id) REFERENCES sso_providers (id) ON DELETE CASCADE,
    CONSTRAINT ck_user_sessions_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT ck_user_sessions_auth_method CHECK (auth_method IN ('password', 'sso', 'webauthn')),
    CONSTRAINT ck_user_sessions_sso_provider CHECK ((auth_method = 'sso') = (sso_provider_id IS NOT NULL)),
    CONSTRAINT ck_user_sessions_mfa_after_start CHECK (mfa_verified_at >= created_at),
    CONSTRAINT ck_user_sessions_lifetime CHECK (
        expires_at > created_at AND expires_at <= created_at + interval '720 hours'
    ),
    CONSTRAINT ck_user_sessions_last_seen CHECK (last_seen_at >= created_at AND last_seen_at <= expires_at),
    CONSTRAINT ck_user_sessions_revocation CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL)),
    CONSTRAINT ck_user_sessions_revoked_after_start CHECK (revoked_at >= created_at),
    CONSTRAINT ck_user_sessions_revoke_reason CHECK (
        revoke_reason IN ('sign_out', 'password_change', 'idle', 'administrator', 'suspected_theft')
    )
) WITH (fillfactor = 90);

CREATE INDEX ix_user_sessions_user_id ON user_sessions (user_id, expires_at DESC);
CREATE INDEX ix_user_sessions_sso_provider_id ON user_sessions (sso_provider_id);
CREATE INDEX ix_user_sessions_expires_at ON user_sessions (expires_at);

CREATE TABLE mfa_methods (
    id               bigint GENERATED ALWAYS AS IDENTITY,
    user_id          bigint NOT NULL,
    method           text NOT NULL,
    label            text NOT NULL,
    secret_encrypted bytea,
    kms_key_id       text,
    credential_id    text,
    public_key       text,
    sign_count       bigint,
    code_hash        bytea,
    last_used_step   bigint,
    is_primary       boolean NOT NULL DEFAULT false,
    verified_at      timestamptz,
    last_used_at     timestamptz,
    disabled_at      timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_mfa_methods PRIMARY KEY (id),
    CONSTRAINT uq_mfa_methods_credential_id UNIQUE (credential_id),
    CONSTRAINT fk_mfa_methods_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT ck_mfa_methods_method CHECK (method IN ('totp', 'sms', 'webauthn', 'recovery_code')),
    CONSTRAINT ck_mfa_methods_label CHECK (btrim(label) <> ''),
    CONSTRAINT ck_mfa_methods_credentials CHECK (
        num_nonnulls(secret_encrypted, credential_id, code_hash) = 1
        AND CASE method
            WHEN 'webauthn' THEN num_nonnulls(credential_id, public_key, sign_count) = 3
            WHEN 'recovery_code' THEN code_hash IS NOT NULL AND num_nonnulls(public_key, sign_count) = 0
            ELSE secret_encrypted IS NOT NULL AND num_nonnulls(public_key, sign_count) = 0
        END
    ),
    CONSTRAINT ck_mfa_methods_public_credential CHECK (
        credential_id ~ '^[A-Za-z0-9_-]+$' AND length(credential_id) BETWEEN 16 AND 1364
        AND public_key ~ '^[A-Za-z0-9_-]+$' AND length(public_key) BETWEEN 43 AND 2048
    ),
    CONSTRAINT ck_mfa_methods_encrypted CHECK (
        octet_length(secret_encrypted) >= 29 AND (secret_encrypted IS NULL OR kms_key_id IS NOT NULL)
    ),
    CONSTRAINT ck_mfa_methods_code_hash CHECK (octet_length(code_hash) = 32),
    CONSTRAINT ck_mfa_methods_sign_count CHECK (sign_count >= 0),
    CONSTRAINT ck_mfa_methods_last_used_step CHECK (
        last_used_step IS NULL OR (last_used_step > 0 AND method = 'totp')
    ),
    CONSTRAINT ck_mfa_methods_primary CHECK (
        NOT is_primary OR (verified_at IS NOT NULL AND disabled_at IS NULL AND method <> 'recovery_code')
    ),
    CONSTRAINT ck_mfa_methods_used_after_proof CHECK (
        last_used_at IS NULL OR (verified_at IS NOT NULL AND last_used_at >= verified_at)
    )
);

CREATE INDEX ix_mfa_methods_user_id ON mfa_methods (user_id);
CREATE UNIQUE INDEX uq_mfa_methods_primary ON mfa_methods (user_id) WHERE is_primary;

CREATE TABLE oauth2_clients (
    id                     bigint GENERATED ALWAYS AS IDENTITY,
    client_id              text NOT NULL,
    name                   text NOT NULL,
    client_type            text NOT NULL,
    secret_hash            bytea,
    secret_expires_at      timestamptz,
    redirect_uris          text[] NOT NULL DEFAULT '{}',
    grant_types            text[] NOT NULL,
    scopes                 text[] NOT NULL,
    require_pkce           boolean NOT NULL DEFAULT true,
    access_token_seconds   integer NOT NULL DEFAULT 900,
    refresh_token_seconds  integer NOT NULL DEFAULT 2592000,
    owner_user_id          bigint,
    status                 text NOT NULL DEFAULT 'active',
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_oauth2_clients PRIMARY KEY (id),
    CONSTRAINT uq_oauth2_clients_client_id UNIQUE (client_id),
    CONSTRAINT fk_oauth2_clients_owner FOREIGN KEY (owner_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_oauth2_clients_client_id CHECK (client_id ~ '^[A-Za-z0-9_-]{8,64}$'),
    CONSTRAINT ck_oauth2_clients_name CHECK (btrim(name) <> ''),
    CONSTRAINT ck_oauth2_clients_client_type CHECK (client_type IN ('confidential', 'public')),
    CONSTRAINT ck_oauth2_clients_secret CHECK ((client_type = 'confidential') = (secret_hash IS NOT NULL)),
    CONSTRAINT ck_oauth2_clients_secret_hash CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT ck_oauth2_clients_secret_expiry CHECK (
        secret_expires_at IS NULL OR (secret_hash IS NOT NULL AND secret_expires_at > created_at)
    ),
    CONSTRAINT ck_oauth2_clients_redirect_uris CHECK (
        all_match(redirect_uris, '^(https://[^\s#*]+|http://127\.0\.0\.1(:[0-9]+)?/[^\s#*]*)$')
    ),
    CONSTRAINT ck_oauth2_clients_grant_types CHECK (
        cardinality(grant_types) > 0
        AND grant_types <@ ARRAY['authorization_code', 'client_credentials', 'refresh_token']
    ),
    CONSTRAINT ck_oauth2_clients_redirect_needed CHECK (
        cardinality(redirect_uris) > 0 OR NOT 'authorization_code' = ANY (grant_types)
    ),
    CONSTRAINT ck_oauth2_clients_public CHECK (
        client_type = 'confidential' OR (require_pkce AND NOT 'client_credentials' = ANY (grant_types))
    ),
    CONSTRAINT ck_oauth2_clients_scopes CHECK (
        cardinality(scopes) > 0 AND all_match(scopes, '^[a-z][a-z_]*(:[a-z_]+)?$')
    ),
    CONSTRAINT ck_oauth2_clients_token_lifetimes CHECK (
        access_token_seconds BETWEEN 60 AND 86400 AND refresh_token_seconds BETWEEN 3600 AND 31536000
    ),
    CONSTRAINT ck_oauth2_clients_status CHECK (status IN ('active', 'suspended', 'retired'))
);

CREATE INDEX ix_oauth2_clients_owner_user_id ON oauth2_clients (owner_user_id);

CREATE TABLE oauth2_authorization_codes (
    id                    bigint GENERATED ALWAYS AS IDENTITY,
    code_hash             bytea NOT NULL,
    oauth2_client_id      bigint NOT NULL,
    user_id               bigint NOT NULL,
    session_id            bigint NOT NULL,
    redirect_uri          text NOT NULL,
    scopes                text[] NOT NULL,
    code_challenge        text,
    code_challenge_method text,
    created_at            timestamptz NOT NULL DEFAULT now(),
    expires_at            timestamptz NOT NULL,
    used_at               timestamptz,
    CONSTRAINT pk_oauth2_authorization_codes PRIMARY KEY (id),
    CONSTRAINT uq_oauth2_authorization_codes_code_hash UNIQUE (code_hash),
    CONSTRAINT fk_oauth2_authorization_codes_client
        FOREIGN KEY (oauth2_client_id) REFERENCES oauth2_clients (id) ON DELETE CASCADE,
    CONSTRAINT fk_oauth2_authorization_codes_user
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_oauth2_authorization_codes_session
        FOREIGN KEY (session_id) REFERENCES user_sessions (id) ON DELETE CASCADE,
    CONSTRAINT ck_oauth2_authorization_codes_code_hash CHECK (octet_length(code_hash) = 32),
    CONSTRAINT ck_oauth2_authorization_codes_redirect_uri CHECK (redirect_uri ~ '^https?://[^\s#]+$'),
    CONSTRAINT ck_oauth2_authorization_codes_scopes CHECK (
        cardinality(scopes) > 0 AND all_match(scopes, '^[a-z][a-z_]*(:[a-z_]+)?$')
    ),
    CONSTRAINT ck_oauth2_authorization_codes_pkce CHECK (
        (code_challenge IS NULL) = (code_challenge_method IS NULL)
        AND code_challenge ~ '^[A-Za-z0-9_-]{43}$' AND code_challenge_method = 'S256'
    ),
    CONSTRAINT ck_oauth2_authorization_codes_lifetime CHECK (
        expires_at > created_at AND expires_at <= created_at + interval '10 minutes'
    ),
    CONSTRAINT ck_oauth2_authorization_codes_used_in_time CHECK (used_at >= created_at AND used_at <= expires_at)
);

CREATE INDEX ix_oauth2_authorization_codes_client ON oauth2_authorization_codes (oauth2_client_id);
CREATE INDEX ix_oauth2_authorization_codes_user_id ON oauth2_authorization_codes (user_id);
CREATE INDEX ix_oauth2_authorization_codes_session_id ON oauth2_authorization_codes (session_id);
CREATE INDEX ix_oauth2_authorization_codes_expires_at ON oauth2_authorization_codes (expires_at);

CREATE TABLE oauth2_tokens (
    id                    bigint GENERATED ALWAYS AS IDENTITY,
    token_hash            bytea NOT NULL,
    token_type            text NOT NULL,
    oauth2_client_id      bigint NOT NULL,
    user_id               bigint,
    session_id            bigint,
    authorization_code_id bigint,
    refreshed_from_id     bigint,
    scopes                text[] NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    expires_at            timestamptz NOT NULL,
    revoked_at            timestamptz,
    revoke_reason         text,
    CONSTRAINT pk_oauth2_tokens PRIMARY KEY (id),
    CONSTRAINT uq_oauth2_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT uq_oauth2_tokens_code_once UNIQUE (authorization_code_id, token_type),
    CONSTRAINT fk_oauth2_tokens_client
        FOREIGN KEY (oauth2_client_id) REFERENCES oauth2_clients (id) ON DELETE CASCADE,
    CONSTRAINT fk_oauth2_tokens_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_oauth2_tokens_session FOREIGN KEY (session_id) REFERENCES user_sessions (id) ON DELETE CASCADE,
    CONSTRAINT fk_oauth2_tokens_authorization_code
        FOREIGN KEY (authorization_code_id) REFERENCES oauth2_authorization_codes (id) ON DELETE SET NULL,
    CONSTRAINT fk_oauth2_tokens_refreshed_from
        FOREIGN KEY (refreshed_from_id) REFERENCES oauth2_tokens (id) ON DELETE SET NULL,
    CONSTRAINT ck_oauth2_tokens_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT ck_oauth2_tokens_token_type CHECK (token_type IN ('access', 'refresh')),
    CONSTRAINT ck_oauth2_tokens_refresh_has_user CHECK (token_type = 'access' OR user_id IS NOT NULL),
    CONSTRAINT ck_oauth2_tokens_session_has_user CHECK (session_id IS NULL OR user_id IS NOT NULL),
    CONSTRAINT ck_oauth2_tokens_not_own_parent CHECK (refreshed_from_id <> id),
    CONSTRAINT ck_oauth2_tokens_scopes CHECK (
        cardinality(scopes) > 0 AND all_match(scopes, '^[a-z][a-z_]*(:[a-z_]+)?$')
    ),
    CONSTRAINT ck_oauth2_tokens_lifetime CHECK (
        expires_at > created_at
        AND expires_at <= created_at + CASE token_type
            WHEN 'access' THEN interval '24 hours' ELSE interval '8760 hours'
        END
    ),
    CONSTRAINT ck_oauth2_tokens_revocation CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL)),
    CONSTRAINT ck_oauth2_tokens_revoked_after_issue CHECK (revoked_at >= created_at),
    CONSTRAINT ck_oauth2_tokens_revoke_reason CHECK (
        revoke_reason IN ('rotated', 'sign_out', 'client_request', 'administrator', 'replay_detected')
    )
);

CREATE INDEX ix_oauth2_tokens_client ON oauth2_tokens (oauth2_client_id, created_at DESC);
CREATE INDEX ix_oauth2_tokens_user_id ON oauth2_tokens (user_id, created_at DESC);
CREATE INDEX ix_oauth2_tokens_session_id ON oauth2_tokens (session_id);
CREATE INDEX ix_oauth2_tokens_refreshed_from_id ON oauth2_tokens (refreshed_from_id);
CREATE INDEX ix_oauth2_tokens_expires_at ON oauth2_tokens (expires_at);

CREATE TABLE data_retention_policies (
    id                  bigint GENERATED ALWAYS AS IDENTITY,
    table_name          text NOT NULL,
    time_column         text NOT NULL,
    retain_for          interval NOT NULL,
    action              text NOT NULL,
    legal_basis         text NOT NULL,
    legal_hold_reason   text,
    approved_by_user_id bigint,
    last_applied_at     timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_data_retention_policies PRIMARY KEY (id),
    CONSTRAINT uq_data_retention_policies_table_name UNIQUE (table_name),
    CONSTRAINT fk_data_retention_policies_approved_by
        FOREIGN KEY (approved_by_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_data_retention_policies_names CHECK (
        table_name ~ '^[a-z][a-z0-9_]*$' AND time_column ~ '^[a-z][a-z0-9_]*$'
    ),
    CONSTRAINT ck_data_retention_policies_retain_for CHECK (
        retain_for >= interval '1 day' AND retain_for <= interval '100 years'
    ),
    CONSTRAINT ck_data_retention_policies_action CHECK (action IN ('delete', 'anonymise', 'drop_partition')),
    CONSTRAINT ck_data_retention_policies_legal_basis CHECK (btrim(legal_basis) <> ''),
    CONSTRAINT ck_data_retention_policies_legal_hold CHECK (btrim(legal_hold_reason) <> '')
);

CREATE INDEX ix_data_retention_policies_approved_by ON data_retention_policies (approved_by_user_id);

-- No foreign keys: an entry outlives the user, the session and the row it speaks of.
CREATE TABLE audit_logs (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    created_at    timestamptz NOT NULL DEFAULT now(),
    actor_user_id bigint,
    job_name      text,
    session_id    bigint,
    request_id    uuid,
    action        text NOT NULL,
    entity_type   text NOT NULL,
    entity_id     text NOT NULL,
    outcome       text NOT NULL DEFAULT 'success',
    reason        text,
    ip_address    inet,
    changes       jsonb,
    CONSTRAINT pk_audit_logs PRIMARY KEY (created_at, id),
    CONSTRAINT ck_audit_logs_one_actor CHECK (num_nonnulls(actor_user_id, job_name) = 1),
    CONSTRAINT ck_audit_logs_job_name CHECK (job_name ~ '^[a-z][a-z0-9_]*$'),
    CONSTRAINT ck_audit_logs_action CHECK (action IN (
        'create', 'read', 'update', 'delete', 'export', 'sign_in', 'sign_out', 'approve', 'reject', 'configure'
    )),
    CONSTRAINT ck_audit_logs_entity CHECK (entity_type ~ '^[a-z][a-z_]*$' AND btrim(entity_id) <> ''),
    CONSTRAINT ck_audit_logs_outcome CHECK (outcome IN ('success', 'denied', 'failure')),
    CONSTRAINT ck_audit_logs_reason CHECK (outcome = 'success' OR reason IS NOT NULL),
    CONSTRAINT ck_audit_logs_changes CHECK (jsonb_typeof(changes) = 'object'),
    CONSTRAINT ck_audit_logs_update_shows_changes CHECK (
        action <> 'update' OR outcome <> 'success' OR changes IS NOT NULL
    )
) PARTITION BY RANGE (created_at);

CREATE INDEX ix_audit_logs_actor ON audit_logs (actor_user_id, created_at DESC) WHERE actor_user_id IS NOT NULL;
CREATE INDEX ix_audit_logs_entity ON audit_logs (entity_type, entity_id, created_at DESC);
CREATE INDEX ix_audit_logs_refused ON audit_logs (created_at DESC) WHERE outcome <> 'success';

CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT;
