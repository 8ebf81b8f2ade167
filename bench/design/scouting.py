"""A first look before anything is tried: a few pool sizes around the one the scenario states. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.model.scenario import ClosedLoop, UserLoop

if TYPE_CHECKING:
    from bench.model.scenario import Scenario

SIZE = "pool.size"
REACH = 4
"""The first look goes down to the smaller of stated and formula's size divided by this ..."""
UPWARDS = 16
"""... and up to the larger of the stated size times ``REACH`` and the formula's size times this."""


def pool_sizes(scenario: Scenario, prior: int, most: int) -> tuple[int, ...]:
    """Return the sizes to look at: the swept ones, or doubling ones round the stated size and the formula's.

    ``prior`` is the formula's size for this machine, ``most`` what the server can give. A closed loop never uses more
    connections than it has clients, so larger pools are not looked at; the stated size always is.
    """
    own = scenario.pool.size
    ceiling = most
    match scenario.load:
        case ClosedLoop(clients=clients):
            ceiling = min(most, clients)
        case UserLoop(users=users):
            ceiling = min(most, users)
        case _:
            pass
    swept = [int(level) for level in scenario.sweep.get(SIZE, ()) if isinstance(level, int)]
    wanted = swept or _doubled(max(1, min(own, prior) // REACH), max(own * REACH, prior * UPWARDS))
    return tuple(sorted({own, *(min(size, ceiling) for size in wanted if size >= 1)}))


def _doubled(low: int, high: int) -> list[int]:
    sizes = [low]
    while sizes[-1] * 2 <= high:
        sizes.append(sizes[-1] * 2)
    return sizes


def beside(sizes: tuple[int, ...], chosen: int, start: int) -> tuple[int, ...]:
    """Return the chosen size and its neighbours in the first look, without the start."""
    place = sizes.index(chosen)
    return tuple(size for size in sizes[max(0, place - 1) : place + 2] if size != start)
