SET LOCAL ROLE bench_owner;

CREATE TRIGGER trg_rate_tables_updated_at BEFORE UPDATE ON rate_tables
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
COMMENT ON TRIGGER trg_rate_tables_updated_at ON rate_tables IS 'Rate caches outside the database are refreshed by updated_at.';

REVOKE EXECUTE ON FUNCTION rate_quote(
    text, text, text, text, text, integer, integer, integer, text, text, integer, text[], text[], date
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rate_quote(
    text, text, text, text, text, integer, integer, integer, text, text, integer, text[], text[], date
) TO bench_app;
-- Rates end, they are not deleted: a price must be reproducible for as long as it can be disputed.
GRANT SELECT, INSERT, UPDATE ON
    rate_tables, rate_table_versions, territories, rating_factors, discount_rules, surcharge_rules, vehicle_symbols
    TO bench_app;
GRANT SELECT, INSERT ON rating_calculations TO bench_app;
GRANT USAGE ON SEQUENCE
    rate_tables_id_seq, rate_table_versions_id_seq, territories_id_seq, rating_factors_id_seq, discount_rules_id_seq,
    surcharge_rules_id_seq, vehicle_symbols_id_seq, rating_calculations_id_seq
    TO bench_app;
