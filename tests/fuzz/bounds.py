"""How long one case may take."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_S = 5.0
MOST_BYTES = 4 << 30


class TooSlow(BaseException):
    """A case took longer than it may; no handler of errors takes it for one."""


@contextlib.contextmanager
def within_bounds() -> Iterator[None]:
    """Raise ``AssertionError`` in a block that takes too long. For the main thread."""

    def ring(number: int, frame: object) -> None:
        del number, frame
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, MOST_S)
    try:
        yield
    except TooSlow:
        raise AssertionError(f"it took longer than {MOST_S:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
