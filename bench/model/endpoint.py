"""Where a server or a pooler listens. The password never shows in a representation."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

Pairs = tuple[tuple[str, str], ...]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A libpq address with its secret.

    ``tls`` holds libpq's own parameters (``sslmode``, ``sslrootcert`` and so on) where they are not the defaults;
    ``session`` holds settings of the server that every session over this address starts with.
    """

    host: str
    port: int
    dbname: str
    user: str
    password: str
    tls: Pairs = ()
    session: Pairs = ()

    def __repr__(self) -> str:
        return f"Endpoint({self.user}@{self.host}:{self.port}/{self.dbname})"

    @property
    def options(self) -> str:
        """The session's settings as libpq's ``options``; blanks and backslashes are escaped there by a backslash."""
        escaped = ((name, value.replace("\\", "\\\\").replace(" ", "\\ ")) for name, value in self.session)
        return " ".join(f"-c {name}={value}" for name, value in escaped)

    def libpq(self) -> dict[str, Any]:
        """Return the parameters of a libpq connection, **with the password**."""
        known: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "user": self.user,
            "password": self.password,
            **dict(self.tls),
        }
        return {**known, "options": self.options} if self.session else known

    def dsn(self) -> str:
        """Return a connection URI **with the password**: for a connect call or the user's shell, never for a log."""
        user, password, dbname = (quote(part, safe="") for part in (self.user, self.password, self.dbname))
        more = {**dict(self.tls), **({"options": self.options} if self.session else {})}
        query = f"?{urlencode(more, quote_via=quote)}" if more else ""
        return f"postgresql://{user}:{password}@{self.host}:{self.port}/{dbname}{query}"
