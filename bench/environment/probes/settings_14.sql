-- Settings that differ from the built-in default, without those that name a place on this machine.
SELECT name, setting || coalesce(' ' || unit, '') AS value
FROM pg_settings
WHERE source NOT IN ('default', 'override', 'client')
  AND name NOT IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file', 'log_directory',
                   'unix_socket_directories', 'listen_addresses', 'port')
ORDER BY name
