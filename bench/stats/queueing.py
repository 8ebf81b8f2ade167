"""Laws every measurement must obey, and queues with known answers. Rates in 1/s, times in seconds.

Operational laws: Denning and Buzen 1978; Lazowska et al., Quantitative System Performance. Queues: Kleinrock, Queueing
Systems I. A saturated queue (utilisation >= 1) has no steady state: its wait is infinite, with probability 1.
"""

from __future__ import annotations

import math

import numpy as np
import scipy

from bench.stats.estimate import Refused


def little(concurrency: float, throughput: float, response_s: float) -> float:
    """Relative gap (X R - N) / N of Little's law N = X R; beyond 5 % the measurement is at fault, not the system.

    In a closed loop of N clients add the think time to ``response_s``.
    """
    if not concurrency > 0:
        raise ValueError(f"Little's law is checked against a concurrency above zero: {concurrency}")
    return (throughput * response_s - concurrency) / concurrency


def utilisation(throughput: float, service_s: float, servers: int = 1) -> float:
    """Busy share of each server: U = X S / c."""
    return throughput * service_s / servers


def throughput_bound(
    clients: int, response_min_s: float, think_s: float = 0.0, demand_s: float = 0.0, servers: int = 1
) -> float:
    """Most a closed loop can do: X(N) <= min(N / (R + Z), c / D). A point above it is a measurement error.

    R is the response time without queueing, D the demand at the bottleneck with c servers (0: unknown, no bound).
    """
    by_clients = clients / (response_min_s + think_s) if response_min_s + think_s > 0 else math.inf
    by_server = servers / demand_s if demand_s > 0 else math.inf
    return min(by_clients, by_server)


def least_mean(q: float, value: float) -> float:
    """Least mean a ``q``-quantile allows: a share 1 - q lies at or above it, so mean >= (1 - q) * value (Markov)."""
    if not (0 < q < 1 and value >= 0):
        raise ValueError(f"needs 0 < q < 1 and a value not below zero: {q}, {value}")
    return (1 - q) * value


def throughput_cap(clients: int, q: float, value_s: float, think_s: float = 0.0) -> float:
    """Most operations a second that ``clients`` in a closed loop can do if their ``q``-quantile is ``value_s``.

    100 clients with a p95 of 989 ms cannot exceed 2,022/s, whatever a report says.
    """
    cycle_s = least_mean(q, value_s) + think_s
    return clients / cycle_s if cycle_s > 0 else math.inf


def erlang_c(servers: int, offered: float) -> float:
    """Probability of having to wait in M/M/c at offered load a = lambda S, in erlangs."""
    if servers < 1 or offered < 0:
        raise ValueError(f"needs a server and a load not below zero: {servers}, {offered}")
    if offered >= servers:
        return 1.0
    if offered == 0:
        return 0.0
    # Erlang B is the Poisson distribution cut off at c; its recursion is stable where the factorials overflow.
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = offered * blocked / (busy + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def mmc_mean_wait_s(rate: float, service_s: float, servers: int) -> float:
    """Mean wait before service in M/M/c: C S / (c - a)."""
    offered = rate * service_s
    return math.inf if offered >= servers else erlang_c(servers, offered) * service_s / (servers - offered)


def mmc_wait_quantile_s(rate: float, service_s: float, servers: int, q: float) -> float:
    """Wait that a share ``q`` does not exceed in M/M/c: P(W > t) = C exp(-(c - a) t / S)."""
    if not 0 < q < 1:
        raise ValueError(f"needs 0 < q < 1: {q}")
    offered = rate * service_s
    if offered >= servers:
        return math.inf
    waiting = erlang_c(servers, offered)
    return 0.0 if waiting <= 1 - q else math.log(waiting / (1 - q)) * service_s / (servers - offered)


def pool_size_for_wait(rate: float, service_s: float, q: float, wait_s: float, largest: int = 10_000) -> int | Refused:
    """Smallest c whose M/M/c wait at ``q`` stays within ``wait_s``: a first guess of the pool size, to be measured.

    ``service_s`` is the time a connection is held for one operation. Real service times grow with c; this one does not.
    """
    offered = rate * service_s
    first = max(1, math.floor(offered) + 1)
    for servers in range(first, largest + 1):
        if mmc_wait_quantile_s(rate, service_s, servers, q) <= wait_s:
            return servers
    return Refused(f"{offered:.0f} erlangs need more than {largest:,} connections", largest, None)


def pool_size_prior(cores: int, effective_spindles: int = 1) -> int:
    """Start a sweep at cores * 2 + effective spindles (PostgreSQL wiki, Number Of Database Connections)."""
    return cores * 2 + effective_spindles


def mg1_mean_wait_s(rate: float, service_s: float, cv: float = 0.0) -> float:
    """Mean wait in M/G/1, rho S (1 + cv^2) / 2 (1 - rho) (Pollaczek-Khinchine); cv 0 is M/D/1, cv 1 is M/M/1."""
    rho = rate * service_s
    return math.inf if rho >= 1 else rho * service_s * (1 + cv**2) / (2 * (1 - rho))


def md1_wait_cdf(rate: float, service_s: float, t_s: float) -> float:
    """P(W <= t) in M/D/1 by Franx's sum, whose terms are all positive (Operations Research Letters 29, 2001).

    Erlang's older series alternates in sign and loses all digits for long waits.
    """
    rho = rate * service_s
    if t_s < 0 or rho >= 1:
        return 0.0
    if rho == 0:
        return 1.0
    steps = math.floor(t_s / service_s) + 1
    at_most = np.cumsum(_md1_in_system(rho, steps + 1))
    arrivals = scipy.stats.poisson.pmf(np.arange(steps), rate * (steps * service_s - t_s))
    # At most ``steps - 1 - j`` waiting means at most one more than that in the system.
    return min(1.0, float(at_most[steps:0:-1] @ arrivals))


def md1_wait_quantile_s(rate: float, service_s: float, q: float) -> float:
    """Wait that a share ``q`` does not exceed in M/D/1."""
    if not 0 < q < 1:
        raise ValueError(f"needs 0 < q < 1: {q}")
    rho = rate * service_s
    if rho >= 1:
        return math.inf
    if md1_wait_cdf(rate, service_s, 0.0) >= q:
        return 0.0
    longest = service_s
    while md1_wait_cdf(rate, service_s, longest) < q:
        longest *= 2
    return float(
        scipy.optimize.brentq(lambda t: md1_wait_cdf(rate, service_s, t) - q, 0.0, longest, xtol=1e-9 * service_s)
    )


def _md1_in_system(rho: float, largest: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """P(k in the M/D/1 system) for k = 0..largest, by balancing what crosses each level upwards and downwards."""
    more_than = scipy.stats.poisson.sf(np.arange(largest + 1), rho)
    p = np.zeros(largest + 1)
    p[0] = 1 - rho
    for j in range(largest):
        upwards = p[0] * more_than[j] + p[1 : j + 1] @ more_than[j:0:-1]
        p[j + 1] = upwards / math.exp(-rho)
    return p
