"""SQL text by purpose; each file is named by the lowest server version it works on."""

from __future__ import annotations

import functools
import re
from importlib import resources

from bench.model.errors import SetupError


@functools.cache
def probe_sql(purpose: str, server_version: int) -> str:
    """Return the newest text of ``purpose`` that a server of this major version understands."""
    files = resources.files(__package__).iterdir()
    matches = [(int(found[1]), file) for file in files if (found := re.fullmatch(rf"{purpose}_(\d+)\.sql", file.name))]
    usable = [(version, file) for version, file in matches if version <= server_version]
    if not usable:
        raise SetupError(
            f"no `{purpose}` query for PostgreSQL {server_version}", remedy="Use PostgreSQL 14 or newer for the server."
        )
    return max(usable, key=lambda pair: pair[0])[1].read_text()
