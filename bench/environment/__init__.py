"""The subject of a measurement: servers, pooler, schema, data, and the host they run on."""
