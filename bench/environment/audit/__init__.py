"""The claims about a schema, each proven or refuted on a scratch database."""
