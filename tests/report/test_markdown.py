from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.report.document import build_document
from bench.report.markdown import plain_text, render_markdown
from bench.report.material import Material
from tests.report import recorded

if TYPE_CHECKING:
    from bench.report.document import Document


def test_the_summary_says_verdict_answer_and_budgets(document: Document) -> None:
    text = render_markdown(document)
    assert text.startswith("## ✅ PASS: rating_lookup\n")
    assert "**Use pool size 8, because" in text
    assert "| ✅ Pass | p95(response_time) < 20ms | pool size 8, 100 clients | all operations |" in text
    assert text.endswith("\n")
    assert "\n\n\n" not in text


def test_every_row_of_a_table_has_the_cells_of_its_head(document: Document) -> None:
    blocks = [block.splitlines() for block in render_markdown(document).split("\n\n") if block.startswith("|")]
    assert blocks
    for lines in blocks:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("<script>alert(1)</script>", "\\<script>alert(1)\\</script>"),
        ("5 < 6 and [1.2, 3.4]", "5 < 6 and [1.2, 3.4]"),
        ("snake_case but _emphasis_", "snake_case but \\_emphasis\\_"),
        ("[text](https://example.org)", "[text\\](https://example.org)"),
        ("a | b", "a \\| b"),
        ("`a|b`", "`a\\|b`"),
        ("lone ` tick", "lone \\` tick"),
        ("# heading", "\\# heading"),
        ("two\nlines", "two lines"),
        ("@everyone", "@\u2060everyone"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
        ("x\u202ey", "x⟨U+202E⟩y"),
    ],
)
def test_foreign_text_forms_no_markup(text: str, safe: str) -> None:
    assert plain_text(text) == safe


def test_a_hostile_scenario_name_stays_on_its_line() -> None:
    run = msgspec.structs.replace(recorded.RUN, scenario="a\n# b\n| c |" + "W" * 10_000, run_id="x`y")
    text = render_markdown(build_document(Material(run=run)))
    assert "\n# b" not in text
    assert len(text) < 2_000
    assert "Run `xy`" in text


def test_nothing_measured_is_still_a_summary() -> None:
    assert "NOT JUDGED" in render_markdown(build_document(Material(run=recorded.RUN)))
