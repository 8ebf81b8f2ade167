WITH base AS (
    SELECT id, base_rate, minimum_premium
    FROM rate_tables
    WHERE state = $1 AND product = $2 AND coverage = $3
      AND effective_date <= $14 AND (expiration_date IS NULL OR expiration_date > $14)
    ORDER BY effective_date DESC LIMIT 1
), factor AS (
    SELECT
        (SELECT factor FROM territories
           WHERE state = $1 AND product = $2 AND postal_code = $4 AND effective_date <= $14
           ORDER BY effective_date DESC LIMIT 1) AS territory,
        CASE WHEN $5::text IS NULL THEN 1 ELSE
            (SELECT factor FROM rating_factors
               WHERE state = $1 AND product = $2 AND factor_type = 'vehicle_symbol' AND level = $5::text
                 AND effective_date <= $14
               ORDER BY effective_date DESC LIMIT 1) END AS symbol,
        CASE WHEN $6::integer IS NULL THEN 1 ELSE
            (SELECT factor FROM rating_factors
               WHERE state = $1 AND product = $2 AND factor_type = 'age'
                 AND band_low <= $6::integer AND band_high >= $6::integer AND effective_date <= $14
               ORDER BY effective_date DESC LIMIT 1) END AS age,
        CASE WHEN $7::integer IS NULL THEN 1 ELSE
            (SELECT factor FROM rating_factors
               WHERE state = $1 AND product = $2 AND factor_type = 'experience'
                 AND band_low <= $7::integer AND band_high >= $7::integer AND effective_date <= $14
               ORDER BY effective_date DESC LIMIT 1) END AS experience,
        CASE WHEN $8::integer IS NULL THEN 1 ELSE
            (SELECT factor FROM rating_factors
               WHERE state = $1 AND product = $2 AND factor_type = 'mileage'
                 AND band_low <= $8::integer AND band_high >= $8::integer AND effective_date <= $14
               ORDER BY effective_date DESC LIMIT 1) END AS mileage,
        CASE WHEN $9::text IS NULL THEN 1 ELSE
            (SELECT factor FROM rating_factors
               WHERE state = $1 AND product = $2 AND factor_type = 'credit_tier' AND level = $9::text
                 AND effective_date <= $14
               ORDER BY effective_date DESC LIMIT 1) END AS credit,
        CASE WHEN $10::text IS NULL THEN 1 ELSE
            (SELECT factor FROM rating_factors
               WHERE state = $1 AND product = $2 AND factor_type = 'risk_class' AND level = $10::text
                 AND effective_date <= $14
               ORDER BY effective_date DESC LIMIT 1) END AS class,
        CASE WHEN $11::integer IS NULL THEN 1 ELSE
            (SELECT factor FROM rating_factors
               WHERE state = $1 AND product = $2 AND factor_type = 'deductible'
                 AND band_low <= $11::integer AND band_high >= $11::integer AND effective_date <= $14
               ORDER BY effective_date DESC LIMIT 1) END AS deductible
), discounts AS (
    SELECT count(*) = count(rule.percent) AS known,
           LEAST(COALESCE(sum(rule.percent), 0), min(rule.max_total_percent)) AS percent
    FROM (SELECT DISTINCT code FROM unnest($12::text[]) AS code) AS wanted
    LEFT JOIN LATERAL (
        SELECT percent, max_total_percent, expiration_date
        FROM discount_rules
        WHERE state = $1 AND product = $2 AND code = wanted.code AND effective_date <= $14
        ORDER BY effective_date DESC LIMIT 1
    ) AS rule ON rule.expiration_date IS NULL OR rule.expiration_date > $14
), surcharges AS (
    SELECT count(*) = count(COALESCE(rule.percent, rule.flat_amount)) AS known,
           COALESCE(sum(rule.percent), 0) AS percent, COALESCE(sum(rule.flat_amount), 0) AS flat_amount
    FROM (SELECT DISTINCT code FROM unnest($13::text[]) AS code) AS wanted
    LEFT JOIN LATERAL (
        SELECT percent, flat_amount, expiration_date
        FROM surcharge_rules
        WHERE state = $1 AND product = $2 AND code = wanted.code AND effective_date <= $14
        ORDER BY effective_date DESC LIMIT 1
    ) AS rule ON rule.expiration_date IS NULL OR rule.expiration_date > $14
), rated AS (
    SELECT round(base_rate * territory * symbol * age * experience * mileage * credit * class * deductible, 2) AS amount
    FROM base CROSS JOIN factor
), discounted AS (
    SELECT rated.amount AS rated, round(rated.amount * discounts.percent * 0.01, 2) AS discount
    FROM rated CROSS JOIN discounts
    WHERE rated.amount IS NOT NULL AND discounts.known
), charged AS (
    SELECT rated, discount, round((rated - discount) * percent * 0.01, 2) + flat_amount AS surcharge
    FROM discounted CROSS JOIN surcharges
    WHERE surcharges.known
)
SELECT base.id AS rate_table_id, base.base_rate, factor.territory AS territory_factor, factor.symbol AS symbol_factor,
       factor.age AS age_factor, factor.experience AS experience_factor, factor.mileage AS mileage_factor,
       factor.credit AS credit_factor, factor.class AS class_factor, factor.deductible AS deductible_factor,
       charged.rated AS rated_premium, charged.discount, charged.surcharge,
       GREATEST(charged.rated - charged.discount + charged.surcharge, base.minimum_premium) AS premium
FROM base CROSS JOIN factor CROSS JOIN charged
