"""Values that one step of a transaction hands to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.model.errors import ScenarioError
from bench.model.ports import NoRowToBind

if TYPE_CHECKING:
    from collections.abc import Sequence


def bind(values: dict[str, Any], names: tuple[str, ...], rows: Sequence[Any]) -> None:
    """Keep the columns of the first row under ``names``.

    Raises ``NoRowToBind`` where there is no row and ``ScenarioError`` where columns and names differ in number.
    """
    if not rows:
        raise NoRowToBind(names)
    try:
        values.update(zip(names, rows[0], strict=True))
    except ValueError:
        raise ScenarioError(
            f"a step returns {len(rows[0])} columns, and its `returns` names {', '.join(names)}",
            remedy="Give one name for each column in `operation.step.returns`.",
        ) from None
