-- What the load's sessions wait to lock. Whoever waits for a row waits for the transaction that wrote it: the table is
-- that of the row it queues for, else the only one that it writes or locks rows of.
WITH held AS MATERIALIZED (SELECT pid, locktype, mode, relation, granted FROM pg_locks)
SELECT /* poolbench collector */
       CASE
           WHEN w.locktype IN ('tuple', 'transactionid') THEN
               'row lock on ' || coalesce(r.name, 'what another transaction has written')
           WHEN w.locktype = 'relation' THEN 'relation lock on ' || coalesce(r.name, '?') || ' (' || w.mode || ')'
           WHEN w.locktype = 'extend' THEN 'lock to extend ' || coalesce(r.name, '?')
           WHEN w.locktype = 'advisory' THEN 'advisory lock'
           ELSE w.locktype || ' lock' || coalesce(' on ' || r.name, '')
       END AS what,
       count(*)::integer AS sessions
FROM held AS w
JOIN pg_stat_activity AS a ON a.pid = w.pid
CROSS JOIN LATERAL (
    SELECT coalesce(
        min(n.name) FILTER (WHERE n.locktype = 'tuple'), CASE WHEN count(DISTINCT n.name) = 1 THEN min(n.name) END
    ) AS name
    FROM (
        SELECT h.locktype, coalesce(pg_partition_root(c.oid)::oid, c.oid)::regclass::text AS name
        FROM held AS h
        JOIN pg_class AS c ON c.oid = h.relation
        WHERE h.pid = w.pid
          AND CASE
              WHEN w.locktype = 'transactionid' THEN
                  h.granted AND c.relkind IN ('r', 'p')
                  AND (h.locktype = 'tuple' OR h.mode IN ('RowExclusiveLock', 'RowShareLock'))
              ELSE NOT h.granted
          END
    ) AS n
) AS r
WHERE NOT w.granted
  AND a.datname = current_database() AND a.usename = %(role)s AND a.application_name <> 'poolbench'
GROUP BY 1
