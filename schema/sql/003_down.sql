SET LOCAL ROLE bench_owner;

DROP FUNCTION rate_quote(
    text, text, text, text, text, integer, integer, integer, text, text, integer, text[], text[], date
);
DROP TABLE rating_calculations;
DROP TABLE vehicle_symbols;
DROP TABLE surcharge_rules;
DROP TABLE discount_rules;
DROP TABLE rating_factors;
DROP TABLE territories;
DROP TABLE rate_table_versions;
DROP TABLE rate_tables;

RESET ROLE;

-- Only the extension that revision 003 installed, known by its comment; and never from under somebody's index.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension
                 WHERE extname = 'btree_gist'
                   AND obj_description(oid, 'pg_extension') LIKE 'Installed by revision 003:%') THEN
        DROP EXTENSION btree_gist RESTRICT;
    END IF;
END
$$;
