SET LOCAL ROLE bench_owner;

-- Two functions serve every table that is partitioned by time; each such table has wrappers that state its own rules.
-- Bounds are UTC, whatever the caller's time zone, so that neighbours never overlap or leave an hour between them.

CREATE FUNCTION ensure_range_partitions(parent regclass, unit text, ahead integer, back integer DEFAULT 0)
RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
#variable_conflict use_variable
DECLARE
    stride       CONSTANT interval := CASE unit WHEN 'month' THEN interval '1 month' WHEN 'day' THEN interval '1 day' END;
    home         text;
    parent_name  text;
    key_column   text;
    fallback     oid;
    lower_bound  timestamptz;
    upper_bound  timestamptz;
    child        text;
    child_path   text;
    parent_path  text;
    default_path text;
    stray        boolean;
BEGIN
    IF stride IS NULL OR ahead IS NULL OR back IS NULL OR ahead NOT BETWEEN 0 AND 400 OR back NOT BETWEEN 0 AND 400 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('cannot make partitions by "%s", %s ahead and %s back', unit, ahead, back),
            HINT = 'The unit is month or day; ahead and back count units, from 0 to 400.';
    END IF;
    SELECT n.nspname, c.relname, a.attname, p.partdefid
      INTO home, parent_name, key_column, fallback
      FROM pg_partitioned_table AS p
      JOIN pg_class AS c ON c.oid = p.partrelid
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0] AND a.atttypid = 'timestamptz'::regtype
      WHERE p.partrelid = parent AND p.partstrat = 'r' AND p.partnatts = 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s is not partitioned by range of one timestamptz column', parent),
            HINT = 'Name the partitioned parent table.';
    END IF;
    parent_path := format('%I.%I', home, parent_name);

    -- Two callers take turns; "part" in ASCII sets these locks apart from others. to_regclass() and
    -- pg_partition_root() see what the first one committed.
    PERFORM pg_advisory_xact_lock(1885434484, parent::oid::integer);

    FOR n IN -back .. ahead LOOP
        lower_bound := date_trunc(unit, now()) + n * stride;
        upper_bound := lower_bound + stride;
        child := parent_name || to_char(lower_bound, CASE unit WHEN 'month' THEN '_YYYY_MM' ELSE '_YYYY_MM_DD' END);
        child_path := format('%I.%I', home, child);
        CONTINUE WHEN pg_partition_root(to_regclass(child_path)) = parent;

        -- Readers and writers go on: attaching locks the parent against other changes of shape only.
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', parent_path);
        IF to_regclass(child_path) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMMENTS)',
                child_path, parent_path
            );
        END IF;
        -- A table of that name is a partition that was detached: it comes back with its rows, and attaching proves
        -- that they belong there.
        IF fallback <> 0 THEN
            SELECT format('%I.%I', s.nspname, c.relname) INTO default_path
              FROM pg_class AS c JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE c.oid = fallback;
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', default_path);
            EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I >= $1 AND %2$I < $2)', default_path, key_column)
               INTO stray USING lower_bound, upper_bound;
            IF stray THEN
                -- The rows move unchanged, so a rule against changing them has nothing to say.
                EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', default_path);
                EXECUTE format(
                    'WITH moved AS (DELETE FROM %s WHERE %I >= $1 AND %2$I < $2 RETURNING *) INSERT INTO %s SELECT * FROM moved',
                    default_path, key_column, child_path
                ) USING lower_bound, upper_bound;
                EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', default_path);
            END IF;
        END IF;
        EXECUTE format(
            'ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
            parent_path, child_path, lower_bound, upper_bound
        );
        EXECUTE format(
            'COMMENT ON TABLE %s IS %L', child_path,
            format('Rows of %s from %s until before %s (UTC).', parent_name, lower_bound::date, upper_bound::date)
        );
        RETURN NEXT child;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ensure_range_partitions(regclass, text, integer, integer) IS
    'Makes the partitions of the current month or day, of `ahead` units after and of `back` units before it, and returns the names of those that were missing. Rows that had fallen into the default partition move into the new one; a detached partition is attached again. Safe to run twice and at the same time.';

CREATE FUNCTION drop_range_partitions(parent regclass, unit text, keep integer, forever boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
#variable_conflict use_variable
DECLARE
    stride CONSTANT interval := CASE unit WHEN 'month' THEN interval '1 month' WHEN 'day' THEN interval '1 day' END;
    past   record;
BEGIN
    IF stride IS NULL OR keep IS NULL OR forever IS NULL OR keep NOT BETWEEN 0 AND 1200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('cannot keep %s partitions by "%s"', keep, unit),
            HINT = 'The unit is month or day; keep counts whole units before the current one, from 0 to 1200.';
    END IF;
    PERFORM pg_advisory_xact_lock(1885434484, parent::oid::integer);

    FOR past IN
        SELECT format('%I.%I', n.nspname, c.relname) AS path, c.relname AS name, b.upper_bound,
               format('%I.%I', m.nspname, p.relname) AS parent_path, p.relname AS parent_name
          FROM pg_inherits AS i
          JOIN pg_class AS c ON c.oid = i.inhrelid
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
          JOIN pg_class AS p ON p.oid = i.inhparent
          JOIN pg_namespace AS m ON m.oid = p.relnamespace
          -- The default partition has no bound, so it never matches.
          CROSS JOIN LATERAL (
              SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM ' TO \(''([^'']+)''\)$')::timestamptz AS upper_bound
          ) AS b
          WHERE i.inhparent = parent AND b.upper_bound <= date_trunc(unit, now()) - keep * stride
          ORDER BY b.upper_bound
    LOOP
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', past.parent_path, past.path);
        IF forever THEN
            EXECUTE format('DROP TABLE %s', past.path);
        ELSE
            EXECUTE format(
                'COMMENT ON TABLE %s IS %L', past.path,
                format('Detached from %s: rows from before %s (UTC), kept until archived.',
                       past.parent_name, past.upper_bound::date)
            );
        END IF;
        RETURN NEXT past.name;
    END LOOP;
END
$$;

COMMENT ON FUNCTION drop_range_partitions(regclass, text, integer, boolean) IS
    'Detaches, or with `forever` drops, every partition that ended `keep` whole months or days before the current one began, and returns their names, oldest first. The default partition is never touched.';

-- Evidence is appended to, never changed. The trigger's arguments are the table and the hint.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation',
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = TG_TABLE_NAME,
        CONSTRAINT = TG_ARGV[0] || '_immutable',
        MESSAGE = format('%s refuses %s: its rows are evidence', TG_ARGV[0], TG_OP),
        HINT = TG_ARGV[1];
END
$$;

COMMENT ON FUNCTION refuse_change() IS
    'Refuses whatever its trigger catches. Arguments: the table''s name and the hint. Error 23514 with constraint <table>_immutable.';

-- Row triggers are copied to every partition, those of today and those made later. TRUNCATE has statement triggers
-- only, which are not copied: whoever makes a partition adds it.
CREATE TRIGGER trg_audit_logs_immutable BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_change(
        'audit_logs', 'Append a correcting entry. Months past retention leave by drop_audit_partitions().'
    );
CREATE TRIGGER trg_audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(
        'audit_logs', 'Months past retention leave by drop_audit_partitions().'
    );
CREATE TRIGGER trg_audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(
        'audit_logs', 'Move the rows to their month by ensure_audit_partitions().'
    );

-- SECURITY DEFINER, as only the owner of a table may change its shape: a maintenance job needs EXECUTE on these and
-- nothing else.
CREATE FUNCTION ensure_audit_partitions(ahead integer, back integer DEFAULT 0) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made text;
BEGIN
    FOR made IN SELECT public.ensure_range_partitions('public.audit_logs', 'month', ahead, back) LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS trg_audit_logs_detached_immutable ON public.%I', made);
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER trg_audit_logs_no_truncate BEFORE TRUNCATE ON public.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change(%L, %L)',
            made, 'audit_logs', 'Months past retention leave by drop_audit_partitions().'
        );
        RETURN NEXT made;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ensure_audit_partitions(integer, integer) IS
    'Makes the audit log''s months ahead (and back, for history that is loaded), with everything that keeps them immutable. Returns the names of those that were missing. Safe to run twice and at the same time.';

-- Detaching loses nothing and is always allowed. Dropping for good asks the retention rule first.
CREATE FUNCTION enforce_retention(of_table text, kept interval) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rule record;
BEGIN
    SELECT retain_for, legal_hold_reason INTO rule
      FROM public.data_retention_policies WHERE table_name = of_table;
    IF rule.retain_for <= kept AND rule.legal_hold_reason IS NULL THEN
        RETURN;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'check_violation',
        SCHEMA = 'public',
        TABLE = of_table,
        CONSTRAINT = of_table || '_retention',
        MESSAGE = format('rows of %s older than %s cannot be dropped', of_table, kept),
        HINT = CASE
            WHEN rule.retain_for IS NULL THEN
                'data_retention_policies has no row for the table: add it, or detach the partitions instead.'
            WHEN rule.legal_hold_reason IS NOT NULL THEN
                format('A legal hold is on (%s): detach the partitions instead.', rule.legal_hold_reason)
            ELSE
                format('data_retention_policies demands %s: keep that much, or detach the partitions instead.',
                       rule.retain_for)
        END;
END
$$;

COMMENT ON FUNCTION enforce_retention(text, interval) IS
    'Refuses to remove rows that data_retention_policies wants kept longer, that are under a legal hold, or that have no rule. Error 23514 with constraint <table>_retention.';

CREATE FUNCTION drop_audit_partitions(keep integer, forever boolean DEFAULT false) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone text;
BEGIN
    IF forever THEN
        PERFORM public.enforce_retention('audit_logs', make_interval(months => keep));
    END IF;
    FOR gone IN SELECT public.drop_range_partitions('public.audit_logs', 'month', keep, forever) LOOP
        IF NOT forever THEN
            -- Detaching takes the copied row trigger away; what waits for the archive stays evidence.
            EXECUTE format(
                'CREATE TRIGGER trg_audit_logs_detached_immutable BEFORE UPDATE OR DELETE ON public.%I '
                'FOR EACH ROW EXECUTE FUNCTION public.refuse_change(%L, %L)',
                gone, 'audit_logs', 'Archive the detached month, then drop the table.'
            );
        END IF;
        RETURN NEXT gone;
    END LOOP;
    UPDATE public.data_retention_policies SET last_applied_at = now() WHERE table_name = 'audit_logs';
END
$$;

COMMENT ON FUNCTION drop_audit_partitions(integer, boolean) IS
    'Detaches the audit months that ended `keep` whole months before the current one began; they stay as immutable tables. With `forever` they are dropped, which data_retention_policies must allow. Returns their names.';
