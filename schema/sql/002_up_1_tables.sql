SET LOCAL ROLE bench_owner;

CREATE TABLE users (
    id                 bigint GENERATED ALWAYS AS IDENTITY,
    email              text NOT NULL,
    display_name       text NOT NULL,
    user_type          text NOT NULL,
    customer_id        bigint,
    password_hash      text,
    status             text NOT NULL DEFAULT 'invited',
    failed_sign_ins    smallint NOT NULL DEFAULT 0,
    locked_until       timestamptz,
    email_verified_at  timestamptz,
    last_sign_in_at    timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT fk_users_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE,
    CONSTRAINT ck_users_email CHECK (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'),
    CONSTRAINT ck_users_display_name CHECK (btrim(display_name) <> ''),
    CONSTRAINT ck_users_user_type CHECK (
        user_type IN ('customer', 'agent', 'underwriter', 'adjuster', 'actuary', 'admin', 'service')
    ),
    CONSTRAINT ck_users_customer CHECK ((user_type = 'customer') = (customer_id IS NOT NULL)),
    CONSTRAINT ck_users_password_hash CHECK (password_hash ~ '^\$(argon2id|scrypt|2[aby])\$.{20,}$'),
    CONSTRAINT ck_users_status CHECK (status IN ('invited', 'active', 'locked', 'disabled')),
    CONSTRAINT ck_users_failed_sign_ins CHECK (failed_sign_ins BETWEEN 0 AND 100),
    CONSTRAINT ck_users_locked_until CHECK ((status = 'locked') = (locked_until IS NOT NULL)),
    CONSTRAINT ck_users_verified CHECK (status <> 'active' OR email_verified_at IS NOT NULL)
);

CREATE UNIQUE INDEX uq_users_email_lower ON users (lower(email));
CREATE INDEX ix_users_customer_id ON users (customer_id);
CREATE INDEX ix_users_locked ON users (locked_until) WHERE status = 'locked';

-- Who handles a claim is a user, and users exist from here on.
ALTER TABLE claims ADD COLUMN adjuster_user_id bigint;
ALTER TABLE claims ADD CONSTRAINT fk_claims_adjuster
    FOREIGN KEY (adjuster_user_id) REFERENCES users (id) ON DELETE SET NULL;
CREATE INDEX ix_claims_adjuster_user_id ON claims (adjuster_user_id, status);

CREATE TABLE quotes (
    id                       bigint GENERATED ALWAYS AS IDENTITY,
    quote_number             text NOT NULL,
    customer_id              bigint,
    created_by_user_id       bigint,
    product                  text NOT NULL,
    state                    text NOT NULL,
    postal_code              text NOT NULL,
    channel                  text NOT NULL,
    status                   text NOT NULL DEFAULT 'draft',
    requested_effective_date date NOT NULL,
    vehicle_info             jsonb,
    risk_info                jsonb NOT NULL DEFAULT '{}',
    premium                  numeric(12,2),
    decline_reason           text,
    expires_at               timestamptz NOT NULL,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_quotes PRIMARY KEY (id),
    CONSTRAINT uq_quotes_quote_number UNIQUE (quote_number),
    CONSTRAINT fk_quotes_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE SET NULL,
    CONSTRAINT fk_quotes_created_by FOREIGN KEY (created_by_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_quotes_quote_number CHECK (quote_number ~ '^Q[0-9]{10}$'),
    CONSTRAINT ck_quotes_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_quotes_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_quotes_postal_code CHECK (postal_code ~ '^[0-9]{5}$'),
    CONSTRAINT ck_quotes_channel CHECK (channel IN ('web', 'mobile', 'agent', 'phone', 'partner')),
    CONSTRAINT ck_quotes_status CHECK (
        status IN ('draft', 'priced', 'offered', 'accepted', 'converted', 'declined', 'expired')
    ),
    CONSTRAINT ck_quotes_expiry CHECK (expires_at > created_at),
    CONSTRAINT ck_quotes_not_backdated CHECK (
        requested_effective_date >= (created_at AT TIME ZONE 'UTC')::date - 1
    ),
    CONSTRAINT ck_quotes_vehicle_info CHECK (
        vehicle_info IS NULL OR COALESCE(jsonb_typeof(vehicle_info -> 'vehicles') = 'array', false)
    ),
    CONSTRAINT ck_quotes_vehicles_for_auto CHECK ((product = 'auto') = (vehicle_info IS NOT NULL)),
    CONSTRAINT ck_quotes_risk_info CHECK (jsonb_typeof(risk_info) = 'object'),
    CONSTRAINT ck_quotes_premium CHECK (premium > 0),
    CONSTRAINT ck_quotes_priced CHECK (premium IS NOT NULL OR status IN ('draft', 'declined', 'expired')),
    CONSTRAINT ck_quotes_decline_reason CHECK (
        (status = 'declined') = (decline_reason IS NOT NULL) AND btrim(COALESCE(decline_reason, 'none')) <> ''
    )
);

CREATE INDEX ix_quotes_customer_id ON quotes (customer_id, created_at DESC);
CREATE INDEX ix_quotes_created_by_user_id ON quotes (created_by_user_id, created_at DESC);
CREATE INDEX ix_quotes_open_expiry ON quotes (expires_at) WHERE status IN ('draft', 'priced', 'offered', 'accepted');
CREATE INDEX ix_quotes_state_product_created_at ON quotes (state, product, created_at) INCLUDE (status, premium);
CREATE INDEX ix_quotes_vehicle_info_gin ON quotes USING gin (vehicle_info jsonb_path_ops)
    WHERE vehicle_info IS NOT NULL;

CREATE TABLE quote_versions (
    quote_id           bigint NOT NULL,
    version_number     integer NOT NULL,
    reason             text NOT NULL,
    rated_on           date NOT NULL,
    rating_inputs      jsonb NOT NULL,
    rated_premium      numeric(12,2) NOT NULL,
    discount_total     numeric(12,2) NOT NULL,
    surcharge_total    numeric(12,2) NOT NULL,
    fees               numeric(12,2) NOT NULL,
    premium            numeric(12,2) NOT NULL,
    created_by_user_id bigint,
    created_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_quote_versions PRIMARY KEY (quote_id, version_number),
    CONSTRAINT fk_quote_versions_quote FOREIGN KEY (quote_id) REFERENCES quotes (id) ON DELETE CASCADE,
    CONSTRAINT fk_quote_versions_created_by
        FOREIGN KEY (created_by_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_quote_versions_version_number CHECK (version_number >= 1),
    CONSTRAINT ck_quote_versions_reason CHECK (
        reason IN ('initial', 'coverage_change', 'risk_change', 'rate_change', 'correction')
    ),
    CONSTRAINT ck_quote_versions_initial CHECK ((version_number = 1) = (reason = 'initial')),
    CONSTRAINT ck_quote_versions_rating_inputs CHECK (jsonb_typeof(rating_inputs) = 'object'),
    CONSTRAINT ck_quote_versions_amounts CHECK (
        rated_premium > 0 AND discount_total >= 0 AND surcharge_total >= 0 AND fees >= 0 AND premium > 0
    ),
    CONSTRAINT ck_quote_versions_discount CHECK (discount_total <= rated_premium),
    CONSTRAINT ck_quote_versions_adds_up CHECK (premium >= rated_premium - discount_total + surcharge_total + fees)
);

CREATE INDEX ix_quote_versions_created_by_user_id ON quote_versions (created_by_user_id);

CREATE TABLE quote_drivers (
    quote_id                 bigint NOT NULL,
    driver_number            smallint NOT NULL,
    first_name               text NOT NULL,
    last_name                text NOT NULL,
    date_of_birth            date NOT NULL,
    relationship             text NOT NULL,
    marital_status           text,
    license_state            text,
    license_status           text NOT NULL,
    license_number_encrypted bytea,
    kms_key_id               text,
    years_licensed           smallint NOT NULL,
    accidents_3y             smallint NOT NULL,
    violations_3y            smallint NOT NULL,
    good_student             boolean NOT NULL DEFAULT false,
    sr22_required            boolean NOT NULL DEFAULT false,
    excluded                 boolean NOT NULL DEFAULT false,
    CONSTRAINT pk_quote_drivers PRIMARY KEY (quote_id, driver_number),
    CONSTRAINT fk_quote_drivers_quote FOREIGN KEY (quote_id) REFERENCES quotes (id) ON DELETE CASCADE,
    CONSTRAINT ck_quote_drivers_driver_number CHECK (driver_number BETWEEN 1 AND 12),
    CONSTRAINT ck_quote_drivers_name CHECK (btrim(first_name) <> '' AND btrim(last_name) <> ''),
    CONSTRAINT ck_quote_drivers_date_of_birth CHECK (date_of_birth >= DATE '1900-01-01'),
    CONSTRAINT ck_quote_drivers_relationship CHECK (
        relationship IN ('self', 'spouse', 'partner', 'child', 'parent', 'other')
    ),
    CONSTRAINT ck_quote_drivers_marital_status CHECK (
        marital_status IN ('single', 'married', 'domestic_partner', 'divorced', 'widowed')
    ),
    CONSTRAINT ck_quote_drivers_license_status CHECK (
        license_status IN ('valid', 'permit', 'suspended', 'expired', 'none')
    ),
    CONSTRAINT ck_quote_drivers_unlicensed_excluded CHECK (
        license_status NOT IN ('suspended', 'expired', 'none') OR excluded
    ),
    CONSTRAINT ck_quote_drivers_encrypted CHECK (
        octet_length(license_number_encrypted) >= 29 AND (license_number_encrypted IS NULL OR kms_key_id IS NOT NULL)
    ),
    CONSTRAINT ck_quote_drivers_history CHECK (
        years_licensed BETWEEN 0 AND 85 AND accidents_3y BETWEEN 0 AND 20 AND violations_3y BETWEEN 0 AND 30
    )
);

CREATE TABLE quote_vehicles (
    quote_id          bigint NOT NULL,
    vehicle_number    smallint NOT NULL,
    model_year        smallint NOT NULL,
    make              text NOT NULL,
    model             text NOT NULL,
    vin               text,
    symbol            text,
    usage             text NOT NULL,
    annual_mileage    integer NOT NULL,
    garaging_zip      text NOT NULL,
    ownership         text NOT NULL,
    anti_theft        boolean NOT NULL DEFAULT false,
    cost_new          numeric(12,2),
    CONSTRAINT pk_quote_vehicles PRIMARY KEY (quote_id, vehicle_number),
    CONSTRAINT uq_quote_vehicles_vin UNIQUE (vin, quote_id),
    CONSTRAINT fk_quote_vehicles_quote FOREIGN KEY (quote_id) REFERENCES quotes (id) ON DELETE CASCADE,
    CONSTRAINT ck_quote_vehicles_vehicle_number CHECK (vehicle_number BETWEEN 1 AND 12),
    CONSTRAINT ck_quote_vehicles_model_year CHECK (model_year BETWEEN 1920 AND 2100),
    CONSTRAINT ck_quote_vehicles_make_model CHECK (btrim(make) <> '' AND btrim(model) <> ''),
    CONSTRAINT ck_quote_vehicles_vin CHECK (model_year < 1981 OR vin ~ '^[A-HJ-NPR-Z0-9]{17}$'),
    CONSTRAINT ck_quote_vehicles_symbol CHECK (symbol ~ '^[0-9A-Z]{1,4}$'),
    CONSTRAINT ck_quote_vehicles_usage CHECK (usage IN ('pleasure', 'commute', 'business', 'farm')),
    CONSTRAINT ck_quote_vehicles_annual_mileage CHECK (annual_mileage BETWEEN 0 AND 200000),
    CONSTRAINT ck_quote_vehicles_garaging_zip CHECK (garaging_zip ~ '^[0-9]{5}$'),
    CONSTRAINT ck_quote_vehicles_ownership CHECK (ownership IN ('owned', 'financed', 'leased')),
    CONSTRAINT ck_quote_vehicles_cost_new CHECK (cost_new > 0)
);

CREATE INDEX ix_quote_vehicles_make_model_year ON quote_vehicles (lower(make), lower(model), model_year);

CREATE TABLE quote_coverages (
    id                   bigint GENERATED ALWAYS AS IDENTITY,
    quote_id             bigint NOT NULL,
    version_number       integer NOT NULL,
    vehicle_number       smallint,
    coverage             text NOT NULL,
    limit_per_person     numeric(12,2),
    limit_per_occurrence numeric(12,2),
    deductible           numeric(12,2),
    premium              numeric(12,2) NOT NULL,
    CONSTRAINT pk_quote_coverages PRIMARY KEY (id),
    CONSTRAINT fk_quote_coverages_version FOREIGN KEY (quote_id, version_number)
        REFERENCES quote_versions (quote_id, version_number) ON DELETE CASCADE,
    CONSTRAINT fk_quote_coverages_vehicle FOREIGN KEY (quote_id, vehicle_number)
        REFERENCES quote_vehicles (quote_id, vehicle_number) ON DELETE CASCADE,
    CONSTRAINT ck_quote_coverages_coverage CHECK (coverage IN (
        'bodily_injury', 'property_damage', 'collision', 'comprehensive', 'uninsured_motorist',
        'roadside_assistance', 'rental_reimbursement', 'medical_payments', 'dwelling', 'other_structures',
        'personal_property', 'loss_of_use', 'personal_liability', 'water_backup', 'term_life', 'whole_life',
        'umbrella_liability'
    )),
    CONSTRAINT ck_quote_coverages_amounts CHECK (
        limit_per_person > 0 AND limit_per_occurrence > 0 AND deductible >= 0 AND premium >= 0
    ),
    CONSTRAINT ck_quote_coverages_split_limits CHECK (limit_per_person <= limit_per_occurrence),
    CONSTRAINT ck_quote_coverages_bounded CHECK (
        num_nonnulls(limit_per_person, limit_per_occurrence, deductible) > 0
        OR coverage IN ('roadside_assistance', 'rental_reimbursement')
    )
);

CREATE UNIQUE INDEX uq_quote_coverages_once
    ON quote_coverages (quote_id, version_number, coverage, COALESCE(vehicle_number, 0::smallint));
CREATE INDEX ix_quote_coverages_vehicle ON quote_coverages (quote_id, vehicle_number);

CREATE TABLE quote_conversions (
    id                   bigint GENERATED ALWAYS AS IDENTITY,
    quote_id             bigint NOT NULL,
    version_number       integer NOT NULL,
    policy_id            bigint NOT NULL,
    premium              numeric(12,2) NOT NULL,
    converted_by_user_id bigint,
    converted_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_quote_conversions PRIMARY KEY (id),
    CONSTRAINT uq_quote_conversions_quote UNIQUE (quote_id),
    CONSTRAINT uq_quote_conversions_policy UNIQUE (policy_id),
    CONSTRAINT fk_quote_conversions_version FOREIGN KEY (quote_id, version_number)
        REFERENCES quote_versions (quote_id, version_number) ON DELETE RESTRICT,
    CONSTRAINT fk_quote_conversions_policy FOREIGN KEY (policy_id) REFERENCES policies (id) ON DELETE RESTRICT,
    CONSTRAINT fk_quote_conversions_converted_by
        FOREIGN KEY (converted_by_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_quote_conversions_premium CHECK (premium > 0)
);

CREATE INDEX ix_quote_conversions_version ON quote_conversions (quote_id, version_number);
CREATE INDEX ix_quote_conversions_converted_by_user_id ON quote_conversions (converted_by_user_id);
CREATE INDEX ix_quote_conversions_converted_at ON quote_conversions (converted_at) INCLUDE (premium);
