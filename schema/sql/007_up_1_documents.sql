SET LOCAL ROLE bench_owner;

-- Which claim of a directory's answer fills which of our fields:
--   {"subject": "sub",
--    "email": {"claim": "mail", "transform": "lower"},
--    "groups": {"claim": "memberOf", "separator": ";"}}
-- A mistake here signs the wrong person in, so nothing unknown passes.
CREATE FUNCTION sso_claim_mapping_problem(document jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    claim_name CONSTANT text := '^[A-Za-z][A-Za-z0-9_.:/-]{0,254}$';
    field      text;
    source     jsonb;
    claim      jsonb;
    wrong      text;
BEGIN
    IF document IS NULL OR jsonb_typeof(document) <> 'object' THEN
        RETURN 'the document is not an object';
    END IF;
    IF NOT document ?& ARRAY['subject', 'email'] THEN
        RETURN 'subject and email are not both mapped';
    END IF;

    FOR field, source IN SELECT d.key, d.value FROM jsonb_each(document) AS d ORDER BY d.key LOOP
        IF field NOT IN (
            'subject', 'email', 'display_name', 'first_name', 'last_name', 'department', 'employee_number', 'groups'
        ) THEN
            RETURN format('"%s" is not a field of ours', field);
        END IF;
        CASE jsonb_typeof(source)
            WHEN 'string' THEN
                claim := source;
            WHEN 'object' THEN
                IF field = 'subject' THEN
                    RETURN 'subject is not a plain claim name: it must be taken as it is';
                END IF;
                SELECT min(name) INTO wrong FROM jsonb_object_keys(source) AS name
                  WHERE name NOT IN ('claim', CASE field WHEN 'groups' THEN 'separator' ELSE 'transform' END);
                IF wrong IS NOT NULL THEN
                    RETURN format('%s has no member "%s"', field, wrong);
                END IF;
                IF source ? 'transform' AND source -> 'transform' NOT IN ('"lower"', '"upper"', '"trim"') THEN
                    RETURN format('%s.transform is not lower, upper or trim', field);
                END IF;
                IF source ? 'separator' AND source -> 'separator' NOT IN ('","', '";"', '"|"', '" "') THEN
                    RETURN format('%s.separator is not a comma, semicolon, bar or space', field);
                END IF;
                claim := source -> 'claim';
            ELSE
                RETURN format('%s is neither a claim name nor an object', field);
        END CASE;
        IF jsonb_typeof(claim) IS DISTINCT FROM 'string' OR claim #>> '{}' !~ claim_name THEN
            RETURN format('%s names no claim', field);
        END IF;
    END LOOP;

    -- Mailboxes are given to successors; who signs in must not follow them.
    IF document ->> 'subject' = COALESCE(document #>> '{email,claim}', document ->> 'email') THEN
        RETURN 'subject and email are the same claim';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION validate_sso_claim_mapping(document jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sso_claim_mapping_problem(document) IS NULL;

COMMENT ON FUNCTION sso_claim_mapping_problem(jsonb) IS
    'Says what is wrong with a claim mapping and where; null if it is right.';
COMMENT ON FUNCTION validate_sso_claim_mapping(jsonb) IS
    'Whether a claim mapping is right; used in a CHECK, so that no malformed mapping is ever stored. sso_claim_mapping_problem() says what is wrong.';
