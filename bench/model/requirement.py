"""What a value must fulfil to exist."""

from __future__ import annotations


def require(holds: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence at the call
    """Raise ``ValueError`` with the message unless the condition holds."""
    if not holds:
        raise ValueError(message)
