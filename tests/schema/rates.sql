-- A rate book small enough to compute prices from it by hand.
INSERT INTO rate_tables (state, product, coverage, effective_date, expiration_date, base_rate, minimum_premium, filing_number)
VALUES ('TX', 'auto',     'collision',          '2024-01-01', '2025-01-01',  380, 50,  'BNCH-000000001'),
       ('TX', 'auto',     'collision',          '2025-01-01', NULL,          400, 60,  'BNCH-000000002'),
       ('CA', 'auto',     'collision',          '2025-01-01', NULL,          520, 75,  'BNCH-000000003'),
       ('TX', 'home',     'dwelling',           '2025-01-01', NULL,         1200, 300, 'BNCH-000000004'),
       ('TX', 'life',     'term_life',          '2025-01-01', NULL,          180, 150, 'BNCH-000000005'),
       ('TX', 'umbrella', 'umbrella_liability', '2025-01-01', '2025-07-01',  220, 100, 'BNCH-000000006');

INSERT INTO territories (state, product, postal_code, territory_code, factor, effective_date)
VALUES ('TX', 'auto',     '78701', '014', 1.1,   '2024-01-01'),
       ('TX', 'auto',     '78701', '014', 1.15,  '2025-06-01'),
       ('TX', 'auto',     '75001', '020', 0.925, '2024-01-01'),
       ('CA', 'auto',     '90001', '001', 1.4,   '2024-01-01'),
       ('TX', 'home',     '78701', '003', 1.05,  '2024-01-01'),
       ('TX', 'life',     '78701', '001', 1,     '2024-01-01'),
       ('TX', 'umbrella', '78701', '001', 1,     '2024-01-01');

INSERT INTO rating_factors (state, product, factor_type, level, band_low, band_high, factor, effective_date)
VALUES ('TX', 'auto', 'vehicle_symbol', '15',           NULL,  NULL,   1.075, '2024-01-01'),
       ('TX', 'auto', 'vehicle_symbol', '40',           NULL,  NULL,   1.6,   '2024-01-01'),
       ('TX', 'auto', 'age',            '16-20',        16,    20,     2.1,   '2024-01-01'),
       ('TX', 'auto', 'age',            '25-29',        25,    29,     1.2,   '2024-01-01'),
       ('TX', 'auto', 'age',            '25-29',        25,    29,     1.18,  '2025-06-01'),
       ('TX', 'auto', 'age',            '30-64',        30,    64,     1,     '2024-01-01'),
       ('TX', 'auto', 'experience',     '0-2',          0,     2,      1.35,  '2024-01-01'),
       ('TX', 'auto', 'experience',     '3-99',         3,     99,     1,     '2024-01-01'),
       ('TX', 'auto', 'mileage',        '0-7500',       0,     7500,   0.9,   '2024-01-01'),
       ('TX', 'auto', 'mileage',        '7501-15000',   7501,  15000,  1,     '2024-01-01'),
       ('TX', 'auto', 'mileage',        '15001-200000', 15001, 200000, 1.125, '2024-01-01'),
       ('TX', 'auto', 'credit_tier',    'A',            NULL,  NULL,   0.85,  '2024-01-01'),
       ('TX', 'auto', 'credit_tier',    'E',            NULL,  NULL,   1.55,  '2024-01-01'),
       ('TX', 'auto', 'risk_class',     'commute',      NULL,  NULL,   1.05,  '2024-01-01'),
       ('TX', 'auto', 'risk_class',     'pleasure',     NULL,  NULL,   0.95,  '2024-01-01'),
       ('TX', 'auto', 'deductible',     '500',          500,   500,    1,     '2024-01-01'),
       ('TX', 'auto', 'deductible',     '1000',         1000,  1000,   0.88,  '2024-01-01'),
       ('CA', 'auto', 'vehicle_symbol', '15',           NULL,  NULL,   1.05,  '2024-01-01'),
       ('CA', 'auto', 'age',            '30-64',        30,    64,     1,     '2024-01-01'),
       ('CA', 'auto', 'experience',     '3-99',         3,     99,     0.98,  '2024-01-01'),
       ('CA', 'auto', 'mileage',        '0-7500',       0,     7500,   0.92,  '2024-01-01'),
       ('CA', 'auto', 'risk_class',     'commute',      NULL,  NULL,   1.02,  '2024-01-01'),
       ('CA', 'auto', 'deductible',     '500',          500,   500,    1,     '2024-01-01'),
       ('TX', 'home', 'credit_tier',    'A',            NULL,  NULL,   0.8,   '2024-01-01'),
       ('TX', 'home', 'risk_class',     'masonry',      NULL,  NULL,   0.9,   '2024-01-01'),
       ('TX', 'home', 'deductible',     '2500',         2500,  2500,   0.85,  '2024-01-01'),
       ('TX', 'life', 'age',            '30-39',        30,    39,     1,     '2024-01-01'),
       ('TX', 'life', 'age',            '50-59',        50,    59,     2.45,  '2024-01-01'),
       ('TX', 'life', 'risk_class',     'preferred',    NULL,  NULL,   0.8,   '2024-01-01'),
       ('TX', 'life', 'risk_class',     'smoker',       NULL,  NULL,   2.25,  '2024-01-01');

INSERT INTO discount_rules (state, product, code, name, percent, max_total_percent, effective_date, expiration_date)
VALUES ('TX', 'auto', 'multi_policy', 'Multi-policy', 10,   40, '2024-01-01', NULL),
       ('TX', 'auto', 'multi_policy', 'Multi-policy', 12,   40, '2025-06-01', NULL),
       ('TX', 'auto', 'good_student', 'Good student', 15,   40, '2024-01-01', NULL),
       ('TX', 'auto', 'anti_theft',   'Anti-theft',   5,    40, '2024-01-01', NULL),
       ('TX', 'auto', 'safe_driver',  'Safe driver',  20,   30, '2024-01-01', NULL),
       ('TX', 'auto', 'early_bird',   'Early bird',   7,    40, '2024-01-01', '2025-01-01'),
       ('TX', 'home', 'multi_policy', 'Multi-policy', 12.5, 50, '2024-01-01', NULL);

INSERT INTO surcharge_rules (state, product, code, name, percent, flat_amount, lookback_months, effective_date)
VALUES ('TX', 'auto', 'at_fault_accident', 'At-fault accident',  22.5, NULL, 36, '2024-01-01'),
       ('TX', 'auto', 'speeding',          'Speeding conviction', 15,  NULL, 36, '2024-01-01'),
       ('TX', 'auto', 'sr22',              'SR-22 filing',       NULL, 25,   0,  '2024-01-01');
