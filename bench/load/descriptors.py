"""A connection costs a file descriptor, and a process begins with fewer than it may have."""

from __future__ import annotations

import resource


def raise_descriptor_limit() -> int:
    """Raise this process's soft limit of open files to its hard limit, and return that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
