SET LOCAL ROLE bench_owner;

-- The price of one coverage of one risk:
--
--   rated premium = base rate x territory x symbol x age x experience x mileage x credit x class x deductible
--   discount      = rated premium x the sum of the discounts' percentages, capped
--   surcharge     = (rated premium - discount) x the sum of the surcharges' percentages, plus the flat amounts
--   premium       = rated premium - discount + surcharge, but at least the filed minimum
--
-- Rounding: factors are multiplied exactly; rated premium, discount and surcharge are each rounded once to the cent,
-- half a cent up. Nothing is rounded in between, so the order of the factors does not matter.
--
-- Dates: the row in force is the newest that took effect on or before the day; base rates and rules may also have
-- ended. Banded factors: the newest band that contains the value.
--
-- Arguments that do not apply to the product are null and count as 1; no discounts or surcharges are null or '{}', and
-- naming one twice is naming it once. A risk for which a row is missing has no price: the answer is no row at all.
--
-- One SELECT, neither strict nor volatile, so that the planner sees through the call.
CREATE FUNCTION rate_quote(
    p_state          text,
    p_product        text,
    p_coverage       text,
    p_zip            text,
    p_vehicle_symbol text,
    p_driver_age     integer,
    p_years_licensed integer,
    p_annual_mileage integer,
    p_credit_tier    text,
    p_risk_class     text,
    p_deductible     integer,
    p_discounts      text[],
    p_surcharges     text[],
    p_on             date
) RETURNS TABLE (
    rate_table_id     bigint,
    base_rate         numeric,
    territory_factor  numeric,
    symbol_factor     numeric,
    age_factor        numeric,
    experience_factor numeric,
    mileage_factor    numeric,
    credit_factor     numeric,
    class_factor      numeric,
    deductible_factor numeric,
    rated_premium     numeric,
    discount          numeric,
    surcharge         numeric,
    premium           numeric
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT base.id, base.base_rate,
           territory.factor, f.symbol, f.age, f.experience, f.mileage, f.credit, f.class, f.deductible,
           rated.amount, taken_off.amount, put_on.amount,
           GREATEST(rated.amount - taken_off.amount + put_on.amount, base.minimum_premium)
    FROM (SELECT r.id, r.base_rate, r.minimum_premium
            FROM rate_tables AS r
            WHERE r.state = p_state AND r.product = p_product AND r.coverage = p_coverage
              AND r.effective_date <= p_on AND (r.expiration_date IS NULL OR r.expiration_date > p_on)
            ORDER BY r.effective_date DESC LIMIT 1) AS base
    CROSS JOIN (SELECT t.factor
                  FROM territories AS t
                  WHERE t.state = p_state AND t.product = p_product AND t.postal_code = p_zip
                    AND t.effective_date <= p_on
                  ORDER BY t.effective_date DESC LIMIT 1) AS territory
    LEFT JOIN (SELECT x.factor
                 FROM rating_factors AS x
                 WHERE x.state = p_state AND x.product = p_product AND x.factor_type = 'vehicle_symbol'
                   AND x.level = p_vehicle_symbol AND x.effective_date <= p_on
                 ORDER BY x.effective_date DESC LIMIT 1) AS symbol ON true
    LEFT JOIN (SELECT x.factor
                 FROM rating_factors AS x
                 WHERE x.state = p_state AND x.product = p_product AND x.factor_type = 'age'
                   AND x.band_low <= p_driver_age AND x.band_high >= p_driver_age AND x.effective_date <= p_on
                 ORDER BY x.effective_date DESC LIMIT 1) AS age ON true
    LEFT JOIN (SELECT x.factor
                 FROM rating_factors AS x
                 WHERE x.state = p_state AND x.product = p_product AND x.factor_type = 'experience'
                   AND x.band_low <= p_years_licensed AND x.band_high >= p_years_licensed
                   AND x.effective_date <= p_on
                 ORDER BY x.effective_date DESC LIMIT 1) AS experience ON true
    LEFT JOIN (SELECT x.factor
                 FROM rating_factors AS x
                 WHERE x.state = p_state AND x.product = p_product AND x.factor_type = 'mileage'
                   AND x.band_low <= p_annual_mileage AND x.band_high >= p_annual_mileage
                   AND x.effective_date <= p_on
                 ORDER BY x.effective_date DESC LIMIT 1) AS mileage ON true
    LEFT JOIN (SELECT x.factor
                 FROM rating_factors AS x
                 WHERE x.state = p_state AND x.product = p_product AND x.factor_type = 'credit_tier'
                   AND x.level = p_credit_tier AND x.effective_date <= p_on
                 ORDER BY x.effective_date DESC LIMIT 1) AS credit ON true
    LEFT JOIN (SELECT x.factor
                 FROM rating_factors AS x
                 WHERE x.state = p_state AND x.product = p_product AND x.factor_type = 'risk_class'
                   AND x.level = p_risk_class AND x.effective_date <= p_on
                 ORDER BY x.effective_date DESC LIMIT 1) AS class ON true
    LEFT JOIN (SELECT x.factor
                 FROM rating_factors AS x
                 WHERE x.state = p_state AND x.product = p_product AND x.factor_type = 'deductible'
                   AND x.band_low <= p_deductible AND x.band_high >= p_deductible AND x.effective_date <= p_on
                 ORDER BY x.effective_date DESC LIMIT 1) AS deductible ON true
    CROSS JOIN LATERAL (SELECT
        CASE WHEN p_vehicle_symbol IS NULL THEN 1 ELSE symbol.factor END AS symbol,
        CASE WHEN p_driver_age IS NULL THEN 1 ELSE age.factor END AS age,
        CASE WHEN p_years_licensed IS NULL THEN 1 ELSE experience.factor END AS experience,
        CASE WHEN p_annual_mileage IS NULL THEN 1 ELSE mileage.factor END AS mileage,
        CASE WHEN p_credit_tier IS NULL THEN 1 ELSE credit.factor END AS credit,
        CASE WHEN p_risk_class IS NULL THEN 1 ELSE class.factor END AS class,
        CASE WHEN p_deductible IS NULL THEN 1 ELSE deductible.factor END AS deductible) AS f
    CROSS JOIN (SELECT count(*) = count(rule.percent) AS known,
                       LEAST(COALESCE(sum(rule.percent), 0), min(rule.max_total_percent)) AS percent
                  FROM (SELECT DISTINCT code FROM unnest(p_discounts) AS code) AS wanted
                  LEFT JOIN LATERAL (SELECT d.percent, d.max_total_percent, d.expiration_date
                                       FROM discount_rules AS d
                                       WHERE d.state = p_state AND d.product = p_product AND d.code = wanted.code
                                         AND d.effective_date <= p_on
                                       ORDER BY d.effective_date DESC LIMIT 1) AS rule
                    ON rule.expiration_date IS NULL OR rule.expiration_date > p_on) AS discounts
    CROSS JOIN (SELECT count(*) = count(COALESCE(rule.percent, rule.flat_amount)) AS known,
                       COALESCE(sum(rule.percent), 0) AS percent,
                       COALESCE(sum(rule.flat_amount), 0) AS flat_amount
                  FROM (SELECT DISTINCT code FROM unnest(p_surcharges) AS code) AS wanted
                  LEFT JOIN LATERAL (SELECT s.percent, s.flat_amount, s.expiration_date
                                       FROM surcharge_rules AS s
                                       WHERE s.state = p_state AND s.product = p_product AND s.code = wanted.code
                                         AND s.effective_date <= p_on
                                       ORDER BY s.effective_date DESC LIMIT 1) AS rule
                    ON rule.expiration_date IS NULL OR rule.expiration_date > p_on) AS surcharges
    CROSS JOIN LATERAL (SELECT round(base.base_rate * territory.factor * f.symbol * f.age * f.experience * f.mileage
                                     * f.credit * f.class * f.deductible, 2) AS amount) AS rated
    CROSS JOIN LATERAL (SELECT round(rated.amount * discounts.percent * 0.01, 2) AS amount) AS taken_off
    CROSS JOIN LATERAL (SELECT round((rated.amount - taken_off.amount) * surcharges.percent * 0.01, 2)
                               + surcharges.flat_amount AS amount) AS put_on
    WHERE rated.amount IS NOT NULL AND discounts.known AND surcharges.known;
END;

COMMENT ON FUNCTION rate_quote(
    text, text, text, text, text, integer, integer, integer, text, text, integer, text[], text[], date
) IS 'Prices one coverage of one risk on a day: base rate times factors, less capped discounts, plus surcharges, at least the filed minimum; each part rounded once to the cent, half up. No row if the risk cannot be priced. Null arguments do not apply and count as 1.';
