-- What the server shows of its use: by whom, how large, with how many connections left for an ordinary role.
-- A role without pg_monitor sees no kind of backend for others; those of a database are then counted as clients.
SELECT pg_is_in_recovery(),
       (SELECT count(*) FROM pg_stat_replication),
       (SELECT count(*) FROM pg_stat_activity
        WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
          AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM %s),
       pg_database_size(current_database()),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true), '0')::int
         - (SELECT count(*) FROM pg_stat_activity
            WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend')
