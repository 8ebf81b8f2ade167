"""Where a server or a pooler listens. The password never shows in a representation."""

from __future__ import annotations

from urllib.parse import quote

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A libpq address with its secret."""

    host: str
    port: int
    dbname: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Endpoint({self.user}@{self.host}:{self.port}/{self.dbname})"

    def dsn(self) -> str:
        """Return a connection URI **with the password**: for a connect call or the user's shell, never for a log."""
        user, password, dbname = (quote(part, safe="") for part in (self.user, self.password, self.dbname))
        return f"postgresql://{user}:{password}@{self.host}:{self.port}/{dbname}"
