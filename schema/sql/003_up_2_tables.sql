SET LOCAL ROLE bench_owner;

CREATE TABLE rate_tables (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    state           text NOT NULL,
    product         text NOT NULL,
    coverage        text NOT NULL,
    effective_date  date NOT NULL,
    expiration_date date,
    base_rate       numeric(12,2) NOT NULL,
    minimum_premium numeric(12,2) NOT NULL,
    filing_number   text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_rate_tables PRIMARY KEY (id),
    CONSTRAINT ex_rate_tables_no_overlap EXCLUDE USING gist (
        state WITH =, product WITH =, coverage WITH =, daterange(effective_date, expiration_date, '[)') WITH &&
    ),
    CONSTRAINT ck_rate_tables_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_rate_tables_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_rate_tables_coverage CHECK (
        CASE product
            WHEN 'auto' THEN coverage IN (
                'bodily_injury', 'property_damage', 'collision', 'comprehensive', 'uninsured_motorist',
                'medical_payments', 'roadside_assistance', 'rental_reimbursement')
            WHEN 'home' THEN coverage IN (
                'dwelling', 'other_structures', 'personal_property', 'loss_of_use', 'personal_liability',
                'medical_payments', 'water_backup')
            WHEN 'renters' THEN coverage IN (
                'personal_property', 'loss_of_use', 'personal_liability', 'medical_payments')
            WHEN 'life' THEN coverage IN ('term_life', 'whole_life')
            ELSE coverage = 'umbrella_liability'
        END
    ),
    CONSTRAINT ck_rate_tables_term CHECK (effective_date < expiration_date),
    CONSTRAINT ck_rate_tables_base_rate CHECK (base_rate > 0 AND base_rate <= 100000),
    CONSTRAINT ck_rate_tables_minimum_premium CHECK (minimum_premium >= 0 AND minimum_premium <= 10000),
    CONSTRAINT ck_rate_tables_filing_number CHECK (filing_number ~ '^[A-Z]{4}-[0-9]{9}$')
);

CREATE INDEX ix_rate_tables_state_product_coverage_date
    ON rate_tables (state, product, coverage, effective_date DESC)
    INCLUDE (expiration_date, base_rate, minimum_premium, id);
CREATE INDEX ix_rate_tables_expiring ON rate_tables (expiration_date) WHERE expiration_date IS NOT NULL;

CREATE TABLE rate_table_versions (
    id                  bigint GENERATED ALWAYS AS IDENTITY,
    rate_table_id       bigint NOT NULL,
    version_number      integer NOT NULL,
    status              text NOT NULL DEFAULT 'draft',
    base_rate           numeric(12,2) NOT NULL,
    minimum_premium     numeric(12,2) NOT NULL,
    change_percent      numeric(6,2) NOT NULL,
    change_reason       text NOT NULL,
    proposed_by_user_id bigint,
    filed_at            timestamptz,
    decided_at          timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_rate_table_versions PRIMARY KEY (id),
    CONSTRAINT uq_rate_table_versions_number UNIQUE (rate_table_id, version_number),
    CONSTRAINT fk_rate_table_versions_rate_table
        FOREIGN KEY (rate_table_id) REFERENCES rate_tables (id) ON DELETE CASCADE,
    CONSTRAINT fk_rate_table_versions_proposed_by
        FOREIGN KEY (proposed_by_user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT ck_rate_table_versions_version_number CHECK (version_number >= 1),
    CONSTRAINT ck_rate_table_versions_status CHECK (
        status IN ('draft', 'filed', 'approved', 'rejected', 'withdrawn')
    ),
    CONSTRAINT ck_rate_table_versions_amounts CHECK (
        base_rate > 0 AND base_rate <= 100000 AND minimum_premium >= 0 AND minimum_premium <= 10000
    ),
    CONSTRAINT ck_rate_table_versions_change_percent CHECK (change_percent BETWEEN -50 AND 100),
    CONSTRAINT ck_rate_table_versions_change_reason CHECK (btrim(change_reason) <> ''),
    CONSTRAINT ck_rate_table_versions_filed_at CHECK (
        status IN ('draft', 'withdrawn') OR filed_at IS NOT NULL
    ),
    CONSTRAINT ck_rate_table_versions_decided_at CHECK (
        (status IN ('approved', 'rejected')) = (decided_at IS NOT NULL)
    ),
    CONSTRAINT ck_rate_table_versions_decided_after_filing CHECK (filed_at <= decided_at)
);

CREATE UNIQUE INDEX uq_rate_table_versions_open ON rate_table_versions (rate_table_id)
    WHERE status IN ('draft', 'filed');
CREATE INDEX ix_rate_table_versions_proposed_by_user_id ON rate_table_versions (proposed_by_user_id);

CREATE TABLE territories (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    state          text NOT NULL,
    product        text NOT NULL,
    postal_code    text NOT NULL,
    territory_code text NOT NULL,
    factor         numeric(6,4) NOT NULL,
    effective_date date NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_territories PRIMARY KEY (id),
    CONSTRAINT uq_territories_postal_code
        UNIQUE (state, product, postal_code, effective_date) INCLUDE (factor),
    CONSTRAINT ck_territories_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_territories_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_territories_postal_code CHECK (postal_code ~ '^[0-9]{5}$'),
    CONSTRAINT ck_territories_territory_code CHECK (territory_code ~ '^[0-9]{3}$'),
    CONSTRAINT ck_territories_factor CHECK (factor BETWEEN 0.2 AND 5)
);

CREATE INDEX ix_territories_code ON territories (state, product, territory_code);

CREATE TABLE rating_factors (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    state          text NOT NULL,
    product        text NOT NULL,
    factor_type    text NOT NULL,
    level          text NOT NULL,
    band_low       integer,
    band_high      integer,
    factor         numeric(6,4) NOT NULL,
    effective_date date NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_rating_factors PRIMARY KEY (id),
    CONSTRAINT uq_rating_factors_level
        UNIQUE (state, product, factor_type, level, effective_date) INCLUDE (factor),
    CONSTRAINT ex_rating_factors_no_overlap EXCLUDE USING gist (
        state WITH =, product WITH =, factor_type WITH =, effective_date WITH =,
        int4range(band_low, band_high, '[]') WITH &&
    ) WHERE (band_low IS NOT NULL),
    CONSTRAINT ck_rating_factors_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_rating_factors_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_rating_factors_factor_type CHECK (factor_type IN (
        'age', 'experience', 'mileage', 'deductible', 'credit_tier', 'risk_class', 'vehicle_symbol'
    )),
    CONSTRAINT ck_rating_factors_level CHECK (btrim(level) <> ''),
    CONSTRAINT ck_rating_factors_band CHECK (
        CASE
            WHEN factor_type IN ('age', 'experience', 'mileage', 'deductible')
                THEN band_low IS NOT NULL AND band_high IS NOT NULL AND 0 <= band_low AND band_low <= band_high
            ELSE band_low IS NULL AND band_high IS NULL
        END
    ),
    CONSTRAINT ck_rating_factors_credit_allowed CHECK (
        factor_type <> 'credit_tier' OR state NOT IN ('CA', 'HI', 'MA')
    ),
    CONSTRAINT ck_rating_factors_factor CHECK (factor BETWEEN 0.1 AND 10)
);

CREATE INDEX ix_rating_factors_band
    ON rating_factors (state, product, factor_type, effective_date DESC, band_low, band_high)
    INCLUDE (factor) WHERE band_low IS NOT NULL;

CREATE TABLE discount_rules (
    id                bigint GENERATED ALWAYS AS IDENTITY,
    state             text NOT NULL,
    product           text NOT NULL,
    code              text NOT NULL,
    name              text NOT NULL,
    percent           numeric(5,2) NOT NULL,
    max_total_percent numeric(5,2) NOT NULL,
    effective_date    date NOT NULL,
    expiration_date   date,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_discount_rules PRIMARY KEY (id),
    CONSTRAINT uq_discount_rules_code UNIQUE (state, product, code, effective_date)
        INCLUDE (expiration_date, percent, max_total_percent),
    CONSTRAINT ck_discount_rules_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_discount_rules_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_discount_rules_code CHECK (code ~ '^[a-z][a-z0-9_]*$'),
    CONSTRAINT ck_discount_rules_name CHECK (btrim(name) <> ''),
    CONSTRAINT ck_discount_rules_percent CHECK (percent > 0 AND percent <= 50),
    CONSTRAINT ck_discount_rules_max_total CHECK (max_total_percent BETWEEN percent AND 60),
    CONSTRAINT ck_discount_rules_term CHECK (effective_date < expiration_date)
);

CREATE TABLE surcharge_rules (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    state           text NOT NULL,
    product         text NOT NULL,
    code            text NOT NULL,
    name            text NOT NULL,
    percent         numeric(5,2),
    flat_amount     numeric(12,2),
    lookback_months smallint NOT NULL,
    effective_date  date NOT NULL,
    expiration_date date,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_surcharge_rules PRIMARY KEY (id),
    CONSTRAINT uq_surcharge_rules_code UNIQUE (state, product, code, effective_date)
        INCLUDE (expiration_date, percent, flat_amount),
    CONSTRAINT ck_surcharge_rules_state CHECK (state ~ '^[A-Z]{2}$'),
    CONSTRAINT ck_surcharge_rules_product CHECK (product IN ('auto', 'home', 'renters', 'life', 'umbrella')),
    CONSTRAINT ck_surcharge_rules_code CHECK (code ~ '^[a-z][a-z0-9_]*$'),
    CONSTRAINT ck_surcharge_rules_name CHECK (btrim(name) <> ''),
    CONSTRAINT ck_surcharge_rules_one_amount CHECK (num_nonnulls(percent, flat_amount) = 1),
    CONSTRAINT ck_surcharge_rules_amount CHECK (
        percent > 0 AND percent <= 200 AND flat_amount > 0 AND flat_amount <= 1000
    ),
    CONSTRAINT ck_surcharge_rules_lookback CHECK (lookback_months BETWEEN 0 AND 60),
    CONSTRAINT ck_surcharge_rules_term CHECK (effective_date < expiration_date)
);

CREATE TABLE vehicle_symbols (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    model_year     smallint NOT NULL,
    make           text NOT NULL,
    model          text NOT NULL,
    symbol         text NOT NULL,
    effective_date date NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_vehicle_symbols PRIMARY KEY (id),
    CONSTRAINT ck_vehicle_symbols_model_year CHECK (model_year BETWEEN 1920 AND 2100),
    CONSTRAINT ck_vehicle_symbols_make_model CHECK (btrim(make) <> '' AND btrim(model) <> ''),
    CONSTRAINT ck_vehicle_symbols_symbol CHECK (symbol ~ '^[0-9A-Z]{1,4}$')
);

CREATE UNIQUE INDEX uq_vehicle_symbols_vehicle
    ON vehicle_symbols (lower(make), lower(model), model_year, effective_date) INCLUDE (symbol);

CREATE TABLE rating_calculations (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    quote_id       bigint,
    version_number integer,
    rate_table_id  bigint NOT NULL,
    rated_on       date NOT NULL,
    inputs         jsonb NOT NULL,
    base_rate      numeric(12,2) NOT NULL,
    factors        jsonb NOT NULL,
    rated_premium  numeric(12,2) NOT NULL,
    discount       numeric(12,2) NOT NULL,
    surcharge      numeric(12,2) NOT NULL,
    premium        numeric(12,2) NOT NULL,
    calculated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_rating_calculations PRIMARY KEY (id),
    CONSTRAINT fk_rating_calculations_version FOREIGN KEY (quote_id, version_number)
        REFERENCES quote_versions (quote_id, version_number) ON DELETE CASCADE,
    CONSTRAINT fk_rating_calculations_rate_table
        FOREIGN KEY (rate_table_id) REFERENCES rate_tables (id) ON DELETE RESTRICT,
    CONSTRAINT ck_rating_calculations_version CHECK ((quote_id IS NULL) = (version_number IS NULL)),
    CONSTRAINT ck_rating_calculations_documents CHECK (
        jsonb_typeof(inputs) = 'object' AND jsonb_typeof(factors) = 'object'
    ),
    CONSTRAINT ck_rating_calculations_amounts CHECK (
        base_rate > 0 AND rated_premium >= 0 AND discount >= 0 AND surcharge >= 0 AND premium > 0
    ),
    CONSTRAINT ck_rating_calculations_discount CHECK (discount <= rated_premium),
    CONSTRAINT ck_rating_calculations_adds_up CHECK (premium >= rated_premium - discount + surcharge)
);

CREATE INDEX ix_rating_calculations_version ON rating_calculations (quote_id, version_number);
CREATE INDEX ix_rating_calculations_rate_table_id ON rating_calculations (rate_table_id, calculated_at);
CREATE INDEX ix_rating_calculations_calculated_at
    ON rating_calculations USING brin (calculated_at) WITH (pages_per_range = 32);
