"""How many rows a scale means. Scale 1 is somewhat less than 1 GB on disk; every number grows linearly with it.

A few tables describe the market and not the book: they keep a floor below which a lookup would mean nothing, and a
ceiling that the calendar sets.
"""

from __future__ import annotations

from dataclasses import dataclass

RATE_REVISIONS_FLOOR = 8
RATE_REVISIONS_USUAL = 20
"""From scale 0.1 on."""
RATE_REVISIONS_CEILING = 365
POSTAL_CODES_FLOOR = 204
POSTAL_CODES_CEILING = 51 * 1_900
"""Each state owns a block of this many five-digit codes."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts of what the tables are made from."""

    scale: float

    def _count(self, at_one: float, floor: int, ceiling: int | None = None) -> int:
        wanted = max(floor, round(at_one * self.scale))
        return wanted if ceiling is None else min(wanted, ceiling)

    @property
    def rate_revisions(self) -> int:
        """Rates of one state, product and coverage over the years."""
        usual = min(RATE_REVISIONS_USUAL, max(RATE_REVISIONS_FLOOR, round(200 * self.scale)))
        return self._count(60, usual, RATE_REVISIONS_CEILING)

    @property
    def postal_codes(self) -> int:
        """ZIP codes of all states together."""
        return self._count(4_000, POSTAL_CODES_FLOOR, POSTAL_CODES_CEILING)

    @property
    def staff(self) -> int:
        """Users that are no customers."""
        return self._count(600, 100)

    @property
    def customers(self) -> int:
        """Customers; an even number, as one of each two has a login."""
        return 2 * self._count(45_000, 100)

    @property
    def users(self) -> int:
        """Staff and customers that can sign in."""
        return self.staff + self.customers // 2

    @property
    def contracts(self) -> int:
        """Risks that were sold, each for one to four terms."""
        return self._count(60_000, 200)

    @property
    def claims(self) -> int:
        """Claims, a few of which find no policy that covers them and are left out."""
        return self._count(32_000, 100)

    @property
    def quotes(self) -> int:
        """Quotes; a multiple of eight."""
        return 8 * self._count(6_000, 20)

    @property
    def sessions(self) -> int:
        """Sign-ins of four months."""
        return 4 * self._count(15_000, 50)

    @property
    def codes(self) -> int:
        """OAuth2 codes: one of each four sessions begins with one."""
        return self.sessions // 4

    @property
    def audit_entries(self) -> int:
        """Entries of fourteen months."""
        return self._count(300_000, 2_000)

    @property
    def events(self) -> int:
        """Analytics events of a year."""
        return self._count(300_000, 2_000)

    @property
    def metrics(self) -> int:
        """Figures of an hour."""
        return self._count(40_000, 1_000)

    @property
    def notifications(self) -> int:
        """Messages of a year."""
        return self._count(70_000, 500)

    @property
    def tenants(self) -> int:
        """Carriers on the platform, between whom row-level security stands."""
        return self._count(40, 8, 900)

    @property
    def rate_approvals(self) -> int:
        """Proposals to change a rate."""
        return self._count(4_000, 200)

    @property
    def admin_entries(self) -> int:
        """Entries of the administrators' log."""
        return self._count(100_000, 1_000)

    @property
    def login_attempts(self) -> int:
        """Attempts to sign in through a directory."""
        return self._count(25_000, 200)
