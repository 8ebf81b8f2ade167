SET LOCAL ROLE bench_owner;

DROP TABLE quote_conversions;
DROP TABLE quote_coverages;
DROP TABLE quote_vehicles;
DROP TABLE quote_drivers;
DROP TABLE quote_versions;
DROP FUNCTION enforce_quote_version_sequence();
DROP TABLE quotes;
-- Its foreign key, index and comments go with the column.
ALTER TABLE claims DROP COLUMN adjuster_user_id;
DROP TABLE users;
DELETE FROM state_transitions WHERE machine = 'quote';
