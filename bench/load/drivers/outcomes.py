"""How an operation ended, by what the server or the pooler said: the same for every driver, whatever its classes.

SQLSTATEs are those of PostgreSQL's appendix A.
"""

from __future__ import annotations

from bench.model.sample import Outcome

CONNECT_TIMEOUT_S = 15.0
"""How long opening one connection may take."""

BY_STATE = {
    "08001": Outcome.REFUSED,
    "08004": Outcome.REFUSED,
    "25P03": Outcome.CONNECTION_LOST,
    "25P04": Outcome.CONNECTION_LOST,
    "40001": Outcome.SERIALIZATION,
    "40002": Outcome.CONSTRAINT,
    "40003": Outcome.CONNECTION_LOST,
    "40P01": Outcome.DEADLOCK,
    "53300": Outcome.REFUSED,
    "55P03": Outcome.QUERY_TIMEOUT,
    "57014": Outcome.QUERY_TIMEOUT,
    "57P01": Outcome.CONNECTION_LOST,
    "57P02": Outcome.CONNECTION_LOST,
    "57P03": Outcome.REFUSED,
    "57P04": Outcome.CONNECTION_LOST,
    "57P05": Outcome.CONNECTION_LOST,
}
"""States that differ from their class. ``55P03`` is a lock that was not to be had within ``lock_timeout``."""

BY_CLASS = {
    "08": Outcome.CONNECTION_LOST,
    "23": Outcome.CONSTRAINT,
    "28": Outcome.REFUSED,
    "3D": Outcome.REFUSED,
    "40": Outcome.SERIALIZATION,
}
"""Classes that are not an error of the statement or of the server, as all others are."""

POOLER_TEXTS = {
    "query_wait_timeout": Outcome.POOL_TIMEOUT,
    "query_timeout": Outcome.QUERY_TIMEOUT,
    "no more connections allowed": Outcome.REFUSED,
    "server login has been failing": Outcome.REFUSED,
}
"""pgBouncer tells its own errors apart by their text alone: nearly all of them have the SQLSTATE 08P01."""


class Refused(ConnectionError):  # noqa: N818 - it names what happened, as the field's own words do
    """No connection could be opened. Its text is that of the library, whose own exception is the cause."""


def judge(state: str, text: str) -> Outcome:
    """Return the outcome for a SQLSTATE and its message."""
    if state.startswith("08"):
        for known, outcome in POOLER_TEXTS.items():
            if known in text:
                return outcome
    return BY_STATE.get(state) or BY_CLASS.get(state[:2]) or Outcome.SQL_ERROR
