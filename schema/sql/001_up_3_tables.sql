SET LOCAL ROLE bench_owner;

CREATE TABLE customers (
    id                       bigint GENERATED ALWAYS AS IDENTITY,
    customer_number          text NOT NULL,
    first_name               text NOT NULL,
    middle_name              text,
    last_name                text NOT NULL,
    date_of_birth            date NOT NULL,
    marital_status           text,
    email                    text NOT NULL,
    phone                    text,
    address_line1            text NOT NULL,
    address_line2            text,
    city                     text NOT NULL,
    state                    text NOT NULL,
    postal_code              text NOT NULL,
    credit_tier              text,
    license_state            text,
    license_number_encrypted bytea,
    license_number_hash      bytea,
    ssn_last4_encrypted      bytea,
    kms_key_id               text,
    preferred_contact        text NOT NULL DEFAULT 'email',
    paperless                boolean NOT NULL DEFAULT false,
    marketing_consent_at     timestamptz,
    status                   text NOT NULL DEFAULT 'active',
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_customers PRIMARY KEY (id),
    CONSTRAINT uq_customers_customer_number UNIQUE (customer_number),
    CONSTRAINT uq_customers_license UNIQUE (license_state, license_number_hash),
    CONSTRAINT ck_customers_customer_number CHECK (customer_number ~ '^C[0-9]{9}$'),
    CONSTRAINT ck_customers_name CHECK (btrim(first_name) <> '' AND btrim(last_name) <> ''),
    CONSTRAINT ck_customers_adult CHECK (
        date_of_birth >= DATE '1900-01-01'
        AND date_of_birth + interval '18 years' <= created_at AT TIME ZONE 'UTC'
    ),
    CONSTRAINT ck_customers_marital_status CHECK (
        marital_status IN ('single', 'married', 'domestic_partner', 'divorced', 'widowed')
    ),
    CONSTRAINT ck_customers_email CHECK (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'),
    CONSTRAINT ck_customers_phone CHECK (phone ~ '^\+[1-9][0-9]{7,14}$'),
    CONSTRAINT ck_customers_state CHECK (state IN (
        'AL', 'AK', 'AZ', 'AR', 'CA', 'CO', 'CT', 'DE', 'DC', 'FL', 'GA', 'HI', 'ID', 'IL', 'IN', 'IA', 'KS',
        'KY', 'LA', 'ME', 'MD', 'MA', 'MI', 'MN', 'MS', 'MO', 'MT', 'NE', 'NV', 'NH', 'NJ', 'NM', 'NY', 'NC',
        'ND', 'OH', 'OK', 'OR', 'PA', 'RI', 'SC', 'SD', 'TN', 'TX', 'UT', 'VT', 'VA', 'WA', 'WV', 'WI', 'WY'
    )),
    CONSTRAINT ck_customers_postal_code CHECK (postal_code ~ '^[0-9]{5}(-[0-9]{4})?$'),
    CONSTRAINT ck_customers_credit_tier CHECK (
        credit_tier IS NULL OR credit_tier IN ('A', 'B', 'C', 'D', 'E') AND state NOT IN ('CA', 'HI', 'MA')
    ),
    CONSTRAINT ck_customers_license_complete CHECK (
        num_nonnulls(license_state, license_number_encrypted, license_number_hash) IN (0, 3)
    ),
    CONSTRAINT ck_customers_encrypted CHECK (
        octet_length(license_number_encrypted) >= 29
        AND octet_length(ssn_last4_encrypted) >= 29
        AND octet_length(license_number_hash) = 32
    ),
    CONSTRAINT ck_customers_key_named CHECK (
        kms_key_id IS NOT NULL OR num_nonnulls(license_number_encrypted, ssn_last4_encrypted) = 0
    ),
    CONSTRAINT ck_customers_preferred_contact CHECK (preferred_contact IN ('email', 'phone', 'mail')),
    CONSTRAINT ck_customers_contact_reachable CHECK (preferred_contact <> 'phone' OR phone IS NOT NULL),
    CONSTRAINT ck_customers_status CHECK (status IN ('active', 'inactive', 'deceased'))
);

CREATE INDEX ix_customers_email_lower ON customers (lower(email));
CREATE INDEX ix_customers_name_search
    ON customers (lower(last_name) text_pattern_ops, lower(first_name) text_pattern_ops);
CREATE INDEX ix_customers_state_postal_code ON customers (state, postal_code);

CREATE TABLE policies (
    id                   bigint GENERATED ALWAYS AS IDENTITY,
    policy_number        text NOT NULL,
    customer_id          bigint NOT NULL,
    product              text NOT NULL,
    state                text NOT NULL,
    status               text NOT NULL DEFAULT 'draft',
    effective_date       date NOT NULL,
    expiration_date      date NOT NULL,
    term_months          smallint NOT NULL,
    premium              numeric(12,2) NOT NULL,
    billing_plan         text NOT NULL,
    underwriting_tier    text NOT NULL,
    coverage             jsonb NOT NULL,
    renewal_of_policy_id bigint,
    producer_code        text,
    bound_at             timestamptz,
    cancelled_at         timestamptz,
    cancellation_reason  text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_policies PRIMARY KEY (id),
    CONSTRAINT uq_policies_policy_number UNIQUE (policy_number),
    CONSTRAINT fk_policies_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE RESTRICT,
    CONSTRAINT fk_policies_renewal_of FOREIGN KEY (renewal_of_policy_id) REFERENCES policies (id) ON DELETE SET NULL,
    CONSTRAINT ck_policies_policy_number CHECK (policy_number ~ '^(AU|HO|RE|LI|UM)[0-9]{10}$'),
    CONSTRAINT ck_policies_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_policies_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_policies_status CHECK (status IN ('draft', 'bound', 'active', 'lapsed', 'cancelled', 'expired')),
    CONSTRAINT ck_policies_term CHECK (effective_date < expiration_date),
    CONSTRAINT ck_policies_term_months CHECK (
        CASE product
            WHEN 'auto' THEN term_months IN (6, 12)
            WHEN 'life' THEN term_months BETWEEN 12 AND 480
            ELSE term_months = 12
        END
    ),
    CONSTRAINT ck_policies_premium CHECK (premium > 0),
    CONSTRAINT ck_policies_billing_plan CHECK (billing_plan IN ('full', 'semiannual', 'quarterly', 'monthly')),
    CONSTRAINT ck_policies_underwriting_tier CHECK (
        underwriting_tier IN ('preferred', 'standard', 'nonstandard')
    ),
    CONSTRAINT ck_policies_coverage CHECK (
        jsonb_typeof(coverage) = 'object' AND coverage ? 'limits' AND jsonb_typeof(coverage -> 'limits') = 'object'
    ),
    CONSTRAINT ck_policies_not_own_renewal CHECK (renewal_of_policy_id <> id),
    CONSTRAINT ck_policies_bound_at CHECK (bound_at IS NOT NULL OR status IN ('draft', 'cancelled')),
    CONSTRAINT ck_policies_cancellation CHECK (
        (status = 'cancelled') = (cancelled_at IS NOT NULL)
        AND (cancelled_at IS NULL) = (cancellation_reason IS NULL)
    ),
    CONSTRAINT ck_policies_cancellation_reason CHECK (
        cancellation_reason IN ('insured_request', 'nonpayment', 'underwriting', 'rewritten', 'withdrawn')
    )
);

CREATE INDEX ix_policies_customer_id
    ON policies (customer_id, effective_date DESC) INCLUDE (policy_number, product);
CREATE INDEX ix_policies_renewal_of_policy_id ON policies (renewal_of_policy_id);
CREATE INDEX ix_policies_state_product ON policies (state, product, effective_date);
CREATE INDEX ix_policies_renewal_due ON policies (expiration_date) WHERE status = 'active';
CREATE INDEX ix_policies_coverage_gin ON policies USING gin (coverage jsonb_path_ops);

CREATE TABLE claims (
    id                bigint GENERATED ALWAYS AS IDENTITY,
    claim_number      text NOT NULL,
    policy_id         bigint NOT NULL,
    status            text NOT NULL DEFAULT 'reported',
    loss_type         text NOT NULL,
    loss_date         date NOT NULL,
    loss_state        text NOT NULL,
    loss_postal_code  text,
    reported_at       timestamptz NOT NULL DEFAULT now(),
    reported_by       text NOT NULL,
    description       text NOT NULL,
    details           jsonb NOT NULL DEFAULT '{}',
    deductible        numeric(12,2) NOT NULL,
    claimed_amount    numeric(12,2),
    reserve_amount    numeric(12,2) NOT NULL DEFAULT 0,
    approved_amount   numeric(12,2),
    paid_amount       numeric(12,2) NOT NULL DEFAULT 0,
    denial_reason     text,
    closed_at         timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_claims PRIMARY KEY (id),
    CONSTRAINT uq_claims_claim_number UNIQUE (claim_number),
    CONSTRAINT fk_claims_policy FOREIGN KEY (policy_id) REFERENCES policies (id) ON DELETE RESTRICT,
    CONSTRAINT ck_claims_claim_number CHECK (claim_number ~ '^CL[0-9]{10}$'),
    CONSTRAINT ck_claims_status CHECK (
        status IN ('reported', 'under_review', 'approved', 'denied', 'paid', 'closed', 'reopened')
    ),
    CONSTRAINT ck_claims_loss_type CHECK (loss_type IN (
        'collision', 'comprehensive', 'bodily_injury', 'property_damage', 'medical', 'uninsured_motorist', 'fire',
        'water', 'wind_hail', 'theft', 'personal_liability', 'death'
    )),
    CONSTRAINT ck_claims_loss_state CHECK (loss_state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_claims_loss_postal_code CHECK (loss_postal_code ~ '^[0-9]{5}(-[0-9]{4})?$'),
    CONSTRAINT ck_claims_reported_after_loss CHECK (loss_date <= (reported_at AT TIME ZONE 'UTC')::date + 1),
    CONSTRAINT ck_claims_reported_by CHECK (
        reported_by IN ('insured', 'agent', 'third_party', 'police', 'attorney')
    ),
    CONSTRAINT ck_claims_description CHECK (btrim(description) <> ''),
    CONSTRAINT ck_claims_details CHECK (jsonb_typeof(details) = 'object'),
    CONSTRAINT ck_claims_amounts CHECK (
        deductible >= 0 AND claimed_amount > 0 AND reserve_amount >= 0 AND approved_amount >= 0 AND paid_amount >= 0
    ),
    CONSTRAINT ck_claims_approval_has_amount CHECK (
        status NOT IN ('approved', 'paid') OR approved_amount IS NOT NULL
    ),
    CONSTRAINT ck_claims_paid_within_approval CHECK (paid_amount <= COALESCE(approved_amount, 0)),
    CONSTRAINT ck_claims_paid_has_payment CHECK (status <> 'paid' OR paid_amount > 0),
    CONSTRAINT ck_claims_denial_reason CHECK (
        status <> 'denied' OR (denial_reason IS NOT NULL AND btrim(denial_reason) <> '')
    ),
    CONSTRAINT ck_claims_closed_at CHECK ((status = 'closed') = (closed_at IS NOT NULL))
);

CREATE INDEX ix_claims_policy_id ON claims (policy_id, loss_date DESC);
CREATE INDEX ix_claims_open ON claims (status, reported_at)
    WHERE status IN ('reported', 'under_review', 'reopened');
CREATE INDEX ix_claims_reported_at ON claims USING brin (reported_at) WITH (pages_per_range = 32);
