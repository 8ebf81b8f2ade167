"""A page taken apart by the standard library's parser, strict about what browsers forgive."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    """One element with its attributes, children and own text."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    pieces: list[str | Element] = field(default_factory=list)

    def all(self, tag: str | None = None) -> list[Element]:
        """Return every element below this one, of one tag or of all, in the order of the page."""
        found = []
        for child in self.children:
            if tag is None or child.tag == tag:
                found.append(child)
            found += child.all(tag)
        return found

    def text(self) -> str:
        """Return the text below this element."""
        return "".join(piece if isinstance(piece, str) else piece.text() for piece in self.pieces)

    def by_id(self, wanted: str) -> Element:
        """Return the one element with this id."""
        (found,) = (element for element in self.all() if element.attributes.get("id") == wanted)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root", {})
        self.open = [self.root]
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(self._add(tag, attrs))
        else:
            self._add(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].tag != tag:
            self.faults.append(f"</{tag}> closes <{self.open[-1].tag}>, line {self.getpos()[0]}")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].pieces.append(data)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Element:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.faults.append(f"<{tag}> has an attribute twice, line {self.getpos()[0]}")
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        self.open[-1].pieces.append(element)
        return element


def read_page(html: str) -> Element:
    """Parse a page; raises AssertionError where an element is not closed in its place or an id is used twice."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.faults, reader.faults[:5]
    assert [element.tag for element in reader.open] == ["root"]
    ids = [element.attributes["id"] for element in reader.root.all() if "id" in element.attributes]
    assert len(set(ids)) == len(ids), sorted(name for name in ids if ids.count(name) > 1)
    return reader.root
