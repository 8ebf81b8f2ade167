SET LOCAL ROLE bench_owner;

CREATE FUNCTION ensure_analytics_partitions(ahead integer, back integer DEFAULT 0) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT public.ensure_range_partitions('public.analytics_events', 'month', ahead, back);
$$;

COMMENT ON FUNCTION ensure_analytics_partitions(integer, integer) IS
    'Makes the months of analytics_events ahead (and back, for history that is loaded). Returns the names of those that were missing. Safe to run twice and at the same time.';

CREATE FUNCTION drop_analytics_partitions(keep integer, forever boolean DEFAULT false) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF forever THEN
        PERFORM public.enforce_retention('analytics_events', make_interval(months => keep));
    END IF;
    RETURN QUERY SELECT public.drop_range_partitions('public.analytics_events', 'month', keep, forever);
    UPDATE public.data_retention_policies SET last_applied_at = now() WHERE table_name = 'analytics_events';
END
$$;

COMMENT ON FUNCTION drop_analytics_partitions(integer, boolean) IS
    'Detaches the months of analytics_events that ended `keep` whole months before the current one began; with `forever` they are dropped, which data_retention_policies must allow. Returns their names.';
