"""The report as one self-contained HTML file: no network, no inline style, scripts and styles known by their hash."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup, escape

from bench.report.charts.canvas import Styles
from bench.report.words import capital, reveal

if TYPE_CHECKING:
    from bench.report.document import Document


_SEAM = re.compile(r"(?<=[A-Za-z0-9)][_./])(?=[A-Za-z])")


def render_report(document: Document) -> str:
    """Return the page; the same document gives the same bytes. It can always be encoded as UTF-8."""
    styles = Styles()
    drawings = {
        figure.anchor: Markup(figure.chart.draw(figure.anchor, figure.alt, styles))  # noqa: S704 - our own SVG, escaped
        for gallery in document.galleries
        for figure in gallery.figures
    }
    return render_page("report.html.j2", css=styles.sheet(), document=document, drawings=drawings)


def render_page(template: str, *, css: str = "", **values: object) -> str:
    """Fill a template, with the common style sheet and script and a policy that lets nothing else in."""
    style = _asset("report.css") + css
    script = _asset("report.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _templates().get_template(template)
    return page.render(css=_raw(style), js=_raw(script), policy=policy, **values)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalize,
    )
    environment.filters |= {"prose": _prose, "sentence": _sentence, "capital": capital, "soft": _soft}
    return environment


def _prose(text: str) -> Markup:
    """Escape a sentence and set what stands between backticks in it as code."""
    parts = reveal(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner is only a character
        return escape(reveal(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def _sentence(text: str) -> Markup:
    """Set a remark as a sentence: what the analysis says in passing begins small and ends without a point."""
    whole = capital(text)
    return _prose(whole if whole.endswith((".", "!", "?", ":", "`")) else f"{whole}.")


def _soft(text: str) -> Markup:
    """Escape a name and let it break behind its underscores and points, rather than inside its words."""
    return Markup("<wbr>").join(map(escape, _SEAM.split(reveal(text))))


def _finalize(value: object) -> object:
    """Let no hidden character of foreign text reach the page; what is marked as safe is ours."""
    return reveal(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _asset(name: str) -> str:
    loader = _templates().loader
    assert loader is not None  # noqa: S101 - the environment is built with one above
    return loader.get_source(_templates(), name)[0]


def _raw(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - only the two assets of this package and chart classes come here


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
