-- What the load's sessions wait to lock. Whoever waits for a row waits for the transaction that wrote it, and is known
-- by the tuple it queues for; without one it is a key that another transaction has inserted.
WITH held AS MATERIALIZED (SELECT pid, locktype, mode, relation, granted FROM pg_locks)
SELECT /* poolbench collector */
       CASE
           WHEN w.locktype IN ('tuple', 'transactionid') THEN
               'row lock on ' || coalesce(r.name, 'what another transaction has written (a unique key)')
           WHEN w.locktype = 'relation' THEN 'relation lock on ' || coalesce(r.name, '?') || ' (' || w.mode || ')'
           WHEN w.locktype = 'extend' THEN 'lock to extend ' || coalesce(r.name, '?')
           WHEN w.locktype = 'advisory' THEN 'advisory lock'
           ELSE w.locktype || ' lock' || coalesce(' on ' || r.name, '')
       END AS what,
       count(*)::integer AS sessions
FROM held AS w
JOIN pg_stat_activity AS a ON a.pid = w.pid
LEFT JOIN LATERAL (
    SELECT h.relation FROM held AS h
    WHERE w.locktype = 'transactionid' AND h.pid = w.pid AND h.granted AND h.locktype = 'tuple'
    LIMIT 1
) AS t ON true
LEFT JOIN LATERAL (
    SELECT coalesce(pg_partition_root(c.oid)::oid, c.oid)::regclass::text AS name
    FROM pg_class AS c WHERE c.oid = coalesce(w.relation, t.relation)
) AS r ON true
WHERE NOT w.granted
  AND a.datname = current_database() AND a.usename = %(role)s AND a.application_name <> 'poolbench'
GROUP BY 1
