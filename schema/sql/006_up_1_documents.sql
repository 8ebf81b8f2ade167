SET LOCAL ROLE bench_owner;

CREATE FUNCTION text_list_problem(list jsonb, pattern text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(list) IS DISTINCT FROM 'array' THEN 'is not a list'
        WHEN list = '[]' THEN 'is empty'
        WHEN EXISTS (SELECT FROM jsonb_array_elements(list) AS element WHERE jsonb_typeof(element) <> 'string')
            THEN 'holds something that is not a text'
        WHEN EXISTS (SELECT FROM jsonb_array_elements_text(list) AS element
                       WHERE btrim(element) = '' OR element !~ pattern)
            THEN 'holds a malformed text'
        WHEN EXISTS (SELECT FROM jsonb_array_elements_text(list) AS element GROUP BY element HAVING count(*) > 1)
            THEN 'holds the same text twice'
    END;
$$;

-- What a permission document must look like:
--   {"version": 1,
--    "grants": [{"resource": "rates", "actions": ["read", "approve"], "states": ["CA", "NV"]},
--               {"resource": "claims", "actions": ["read", "approve"], "max_amount": 25000}]}
-- A typing error in such a document would silently give too much or too little, so nothing unknown passes. The lists
-- are in the function and not in a table, as a CHECK may depend on nothing but the row.
CREATE FUNCTION admin_permissions_problem(document jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    offered CONSTANT jsonb := '{
        "customers": ["read", "update", "export", "erase"],
        "policies":  ["read", "update", "approve", "export"],
        "claims":    ["read", "update", "approve", "export"],
        "quotes":    ["read", "export"],
        "rates":     ["read", "create", "update", "approve"],
        "users":     ["read", "create", "update", "disable"],
        "settings":  ["read", "update"],
        "audit":     ["read", "export"],
        "sso":       ["read", "update"]
    }';
    by_state CONSTANT text[] := ARRAY['customers', 'policies', 'claims', 'quotes', 'rates'];
    item     jsonb;
    place    text;
    resource text;
    seen     text[] := '{}';
    wrong    text;
BEGIN
    IF document IS NULL OR jsonb_typeof(document) <> 'object' THEN
        RETURN 'the document is not an object';
    END IF;
    SELECT min(name) INTO wrong FROM jsonb_object_keys(document) AS name WHERE name NOT IN ('version', 'grants');
    IF wrong IS NOT NULL THEN
        RETURN format('"%s" is not a member of the document', wrong);
    END IF;
    IF document -> 'version' IS DISTINCT FROM '1' THEN
        RETURN 'version is not 1';
    END IF;
    IF jsonb_typeof(document -> 'grants') IS DISTINCT FROM 'array' OR document -> 'grants' = '[]' THEN
        RETURN 'grants is not a list of at least one grant';
    END IF;

    FOR item, place IN
        SELECT g.value, format('grants[%s]', g.ordinality - 1)
          FROM jsonb_array_elements(document -> 'grants') WITH ORDINALITY AS g
    LOOP
        IF jsonb_typeof(item) <> 'object' THEN
            RETURN format('%s is not an object', place);
        END IF;
        SELECT min(name) INTO wrong FROM jsonb_object_keys(item) AS name
          WHERE name NOT IN ('resource', 'actions', 'states', 'max_amount');
        IF wrong IS NOT NULL THEN
            RETURN format('%s has no member "%s"', place, wrong);
        END IF;

        IF jsonb_typeof(item -> 'resource') IS DISTINCT FROM 'string' OR NOT offered ? (item ->> 'resource') THEN
            RETURN format('%s names no known resource', place);
        END IF;
        resource := item ->> 'resource';
        IF resource = ANY (seen) THEN
            RETURN format('%s names "%s" a second time', place, resource);
        END IF;
        seen := seen || resource;

        wrong := public.text_list_problem(item -> 'actions');
        IF wrong IS NOT NULL THEN
            RETURN format('%s.actions %s', place, wrong);
        END IF;
        IF NOT offered -> resource @> (item -> 'actions') THEN
            RETURN format('%s.actions holds one that "%s" does not offer', place, resource);
        END IF;

        IF item ? 'states' THEN
            IF resource <> ALL (by_state) THEN
                RETURN format('%s.states makes no sense for "%s"', place, resource);
            END IF;
            wrong := public.text_list_problem(item -> 'states', '^[A-Z]{2}$');
            IF wrong IS NOT NULL THEN
                RETURN format('%s.states %s', place, wrong);
            END IF;
        END IF;

        IF item ? 'max_amount' THEN
            IF resource NOT IN ('policies', 'claims') OR NOT item -> 'actions' ? 'approve' THEN
                RETURN format('%s.max_amount makes sense only for approving policies or claims', place);
            END IF;
            IF jsonb_typeof(item -> 'max_amount') <> 'number' THEN
                RETURN format('%s.max_amount is not a number', place);
            END IF;
            IF (item ->> 'max_amount')::numeric NOT BETWEEN 0.01 AND 9999999999.99 THEN
                RETURN format('%s.max_amount is not an amount of money', place);
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE FUNCTION validate_admin_permissions(document jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN admin_permissions_problem(document) IS NULL;

COMMENT ON FUNCTION text_list_problem(jsonb, text) IS
    'Says what keeps a JSON value from being a list of distinct texts that match the pattern; null if nothing does.';
COMMENT ON FUNCTION admin_permissions_problem(jsonb) IS
    'Says what is wrong with a permission document and where; null if it is right.';
COMMENT ON FUNCTION validate_admin_permissions(jsonb) IS
    'Whether a permission document is right; used in CHECKs, so that no malformed grant is ever stored. admin_permissions_problem() says what is wrong.';
