"""A process of its own that reads server, pooler and their processes a few times a second while a trial runs."""
