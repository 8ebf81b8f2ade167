"""Finding the figures of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.report.document import Document
    from bench.report.sections.figure import Figure


def figure(document: Document, anchor: str) -> Figure:
    """Return the one figure with this anchor."""
    (found,) = (one for gallery in document.galleries for one in gallery.figures if one.anchor == anchor)
    return found


def anchors(document: Document) -> list[str]:
    """Return the anchors of all figures, in the order of the page."""
    return [one.anchor for gallery in document.galleries for one in gallery.figures]
