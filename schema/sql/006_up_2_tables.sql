SET LOCAL ROLE bench_owner;

CREATE TABLE admin_roles (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL,
    description text NOT NULL,
    permissions jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_admin_roles PRIMARY KEY (id),
    CONSTRAINT uq_admin_roles_name UNIQUE (name),
    CONSTRAINT ck_admin_roles_name CHECK (name ~ '^[a-z][a-z_]*$'),
    CONSTRAINT ck_admin_roles_description CHECK (btrim(description) <> ''),
    CONSTRAINT ck_admin_roles_permissions CHECK (validate_admin_permissions(permissions))
);

CREATE TABLE admin_users (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    user_id        bigint NOT NULL,
    tenant_id      text NOT NULL,
    admin_role_id  bigint NOT NULL,
    status         text NOT NULL DEFAULT 'active',
    mfa_required   boolean NOT NULL DEFAULT true,
    last_active_at timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_admin_users PRIMARY KEY (id),
    CONSTRAINT uq_admin_users_user_tenant UNIQUE (user_id, tenant_id) INCLUDE (admin_role_id, status),
    CONSTRAINT fk_admin_users_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_admin_users_role FOREIGN KEY (admin_role_id) REFERENCES admin_roles (id) ON DELETE RESTRICT,
    CONSTRAINT ck_admin_users_tenant_id CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,62}$'),
    CONSTRAINT ck_admin_users_status CHECK (status IN ('active', 'suspended')),
    CONSTRAINT ck_admin_users_active_after_creation CHECK (last_active_at >= created_at)
);

CREATE INDEX ix_admin_users_role ON admin_users (admin_role_id);
CREATE INDEX ix_admin_users_tenant ON admin_users (tenant_id, status);

CREATE TABLE admin_permissions (
    id                       bigint GENERATED ALWAYS AS IDENTITY,
    admin_user_id            bigint NOT NULL,
    permissions              jsonb NOT NULL,
    reason                   text NOT NULL,
    granted_by_admin_user_id bigint NOT NULL,
    granted_at               timestamptz NOT NULL DEFAULT now(),
    expires_at               timestamptz NOT NULL,
    revoked_at               timestamptz,
    CONSTRAINT pk_admin_permissions PRIMARY KEY (id),
    CONSTRAINT fk_admin_permissions_admin_user
        FOREIGN KEY (admin_user_id) REFERENCES admin_users (id) ON DELETE CASCADE,
    CONSTRAINT fk_admin_permissions_granted_by
        FOREIGN KEY (granted_by_admin_user_id) REFERENCES admin_users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_admin_permissions_permissions CHECK (validate_admin_permissions(permissions)),
    CONSTRAINT ck_admin_permissions_reason CHECK (btrim(reason) <> ''),
    CONSTRAINT ck_admin_permissions_not_to_oneself CHECK (granted_by_admin_user_id <> admin_user_id),
    CONSTRAINT ck_admin_permissions_lifetime CHECK (
        expires_at > granted_at AND expires_at <= granted_at + interval '2160 hours'
    ),
    CONSTRAINT ck_admin_permissions_revoked_after_grant CHECK (revoked_at >= granted_at)
);

CREATE INDEX ix_admin_permissions_admin_user_id ON admin_permissions (admin_user_id, expires_at DESC);
CREATE INDEX ix_admin_permissions_granted_by ON admin_permissions (granted_by_admin_user_id);

CREATE TABLE system_settings (
    id                 bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id          text NOT NULL,
    key                text NOT NULL,
    value_type         text NOT NULL,
    value              jsonb NOT NULL,
    description        text NOT NULL,
    version            integer NOT NULL DEFAULT 1,
    updated_by_user_id bigint,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_system_settings PRIMARY KEY (id),
    CONSTRAINT uq_system_settings_key UNIQUE (tenant_id, key),
    CONSTRAINT fk_system_settings_updated_by
        FOREIGN KEY (updated_by_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_system_settings_tenant_id CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,62}$'),
    CONSTRAINT ck_system_settings_key CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'),
    CONSTRAINT ck_system_settings_no_secret CHECK (
        key !~ '(password|passwd|secret|token|api_key|private_key|credential)'
    ),
    CONSTRAINT ck_system_settings_value_type CHECK (
        value_type IN ('string', 'number', 'boolean', 'array', 'object')
    ),
    CONSTRAINT ck_system_settings_value CHECK (jsonb_typeof(value) = value_type),
    CONSTRAINT ck_system_settings_description CHECK (btrim(description) <> ''),
    CONSTRAINT ck_system_settings_version CHECK (version >= 1)
);

CREATE INDEX ix_system_settings_updated_by ON system_settings (updated_by_user_id);

CREATE TABLE rate_approvals (
    id                    bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id             text NOT NULL,
    rate_table_version_id bigint NOT NULL,
    requested_by_user_id  bigint NOT NULL,
    title                 text NOT NULL,
    justification         text NOT NULL,
    impact_percent        numeric(6,2) NOT NULL,
    required_approvals    smallint NOT NULL DEFAULT 1,
    status                text NOT NULL DEFAULT 'draft',
    submitted_at          timestamptz,
    decided_at            timestamptz,
    applied_at            timestamptz,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_rate_approvals PRIMARY KEY (id),
    CONSTRAINT uq_rate_approvals_requester UNIQUE (id, tenant_id, requested_by_user_id),
    CONSTRAINT fk_rate_approvals_version
        FOREIGN KEY (rate_table_version_id) REFERENCES rate_table_versions (id) ON DELETE RESTRICT,
    CONSTRAINT fk_rate_approvals_requested_by
        FOREIGN KEY (requested_by_user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_rate_approvals_tenant_id CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,62}$'),
    CONSTRAINT ck_rate_approvals_title CHECK (btrim(title) <> ''),
    CONSTRAINT ck_rate_approvals_justification CHECK (btrim(justification) <> ''),
    CONSTRAINT ck_rate_approvals_impact CHECK (impact_percent BETWEEN -50 AND 100),
    CONSTRAINT ck_rate_approvals_required_approvals CHECK (
        required_approvals BETWEEN 1 AND 5 AND (required_approvals >= 2 OR abs(impact_percent) <= 10)
    ),
    CONSTRAINT ck_rate_approvals_status CHECK (
        status IN ('draft', 'submitted', 'under_review', 'approved', 'rejected', 'withdrawn', 'applied')
    ),
    CONSTRAINT ck_rate_approvals_submitted CHECK (status IN ('draft', 'withdrawn') OR submitted_at IS NOT NULL),
    CONSTRAINT ck_rate_approvals_decided CHECK (
        status NOT IN ('approved', 'rejected', 'applied') OR decided_at IS NOT NULL
    ),
    CONSTRAINT ck_rate_approvals_applied CHECK ((status = 'applied') = (applied_at IS NOT NULL)),
    CONSTRAINT ck_rate_approvals_order CHECK (
        submitted_at >= created_at AND decided_at >= submitted_at AND applied_at >= decided_at
    )
);

CREATE INDEX ix_rate_approvals_tenant ON rate_approvals (tenant_id, created_at DESC);
CREATE INDEX ix_rate_approvals_queue ON rate_approvals (tenant_id, submitted_at)
    WHERE status IN ('submitted', 'under_review');
CREATE UNIQUE INDEX uq_rate_approvals_open ON rate_approvals (rate_table_version_id, tenant_id)
    WHERE status IN ('draft', 'submitted', 'under_review', 'approved');
CREATE INDEX ix_rate_approvals_version ON rate_approvals (rate_table_version_id);
CREATE INDEX ix_rate_approvals_requested_by ON rate_approvals (requested_by_user_id);

-- Tenant and requester are repeated here, held equal by the foreign key, so that four-eyes is a plain CHECK: it holds
-- for every writer, in bulk loads and under any isolation, where a trigger would have to lock.
CREATE TABLE rate_approval_steps (
    id                   bigint GENERATED ALWAYS AS IDENTITY,
    rate_approval_id     bigint NOT NULL,
    tenant_id            text NOT NULL,
    requested_by_user_id bigint NOT NULL,
    step_number          smallint NOT NULL,
    required_role        text NOT NULL,
    decision             text NOT NULL DEFAULT 'pending',
    decided_by_user_id   bigint,
    decided_at           timestamptz,
    note                 text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_rate_approval_steps PRIMARY KEY (id),
    CONSTRAINT uq_rate_approval_steps_number UNIQUE (rate_approval_id, step_number),
    CONSTRAINT uq_rate_approval_steps_decider UNIQUE (rate_approval_id, decided_by_user_id),
    CONSTRAINT fk_rate_approval_steps_approval FOREIGN KEY (rate_approval_id, tenant_id, requested_by_user_id)
        REFERENCES rate_approvals (id, tenant_id, requested_by_user_id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT fk_rate_approval_steps_decided_by
        FOREIGN KEY (decided_by_user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT ck_rate_approval_steps_step_number CHECK (step_number BETWEEN 1 AND 5),
    CONSTRAINT ck_rate_approval_steps_required_role CHECK (
        required_role IN ('actuarial', 'underwriting', 'compliance', 'executive')
    ),
    CONSTRAINT ck_rate_approval_steps_decision CHECK (decision IN ('pending', 'approved', 'rejected')),
    CONSTRAINT ck_rate_approval_steps_four_eyes CHECK (decided_by_user_id <> requested_by_user_id),
    CONSTRAINT ck_rate_approval_steps_decided CHECK (
        num_nonnulls(decided_by_user_id, decided_at) = CASE decision WHEN 'pending' THEN 0 ELSE 2 END
    ),
    CONSTRAINT ck_rate_approval_steps_rejection_note CHECK (
        decision <> 'rejected' OR (note IS NOT NULL AND btrim(note) <> '')
    ),
    CONSTRAINT ck_rate_approval_steps_decided_after_creation CHECK (decided_at >= created_at)
);

CREATE INDEX ix_rate_approval_steps_approval
    ON rate_approval_steps (rate_approval_id, tenant_id, requested_by_user_id);
CREATE INDEX ix_rate_approval_steps_pending ON rate_approval_steps (tenant_id, required_role, created_at)
    WHERE decision = 'pending';
CREATE INDEX ix_rate_approval_steps_decided_by ON rate_approval_steps (decided_by_user_id, decided_at DESC);

-- No foreign key to the actor: an entry outlives the account.
CREATE TABLE admin_activity_logs (
    id            bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id     text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    actor_user_id bigint,
    action        text NOT NULL,
    resource_type text NOT NULL,
    resource_id   text NOT NULL,
    old_values    jsonb,
    new_values    jsonb,
    request_id    uuid,
    ip_address    inet,
    CONSTRAINT pk_admin_activity_logs PRIMARY KEY (id),
    CONSTRAINT ck_admin_activity_logs_tenant_id CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,62}$'),
    CONSTRAINT ck_admin_activity_logs_action CHECK (action ~ '^[a-z][a-z_]*\.[a-z][a-z_]*$'),
    CONSTRAINT ck_admin_activity_logs_resource CHECK (
        resource_type ~ '^[a-z][a-z_]*$' AND btrim(resource_id) <> ''
    ),
    CONSTRAINT ck_admin_activity_logs_values CHECK (
        jsonb_typeof(old_values) = 'object' AND jsonb_typeof(new_values) = 'object'
    )
);

CREATE INDEX ix_admin_activity_logs_tenant ON admin_activity_logs (tenant_id, created_at DESC, id DESC);
CREATE INDEX ix_admin_activity_logs_resource
    ON admin_activity_logs (tenant_id, resource_type, resource_id, created_at DESC);
CREATE INDEX ix_admin_activity_logs_actor ON admin_activity_logs (tenant_id, actor_user_id, created_at DESC)
    WHERE actor_user_id IS NOT NULL;
