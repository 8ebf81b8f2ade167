from __future__ import annotations

from bench.analysis.index_use import IndexUse
from bench.model.indexes import IndexFact
from bench.report.sections.indexes import lay_out_indexes
from bench.report.words import ABSENT


def used(operations: int) -> IndexUse:
    index = IndexFact(name="ix", table="t", definition="create index", method="btree", columns=("a",))
    return IndexUse(index=index, state="used", plans={f"operation {n}": (n % 2, 1) for n in range(operations)})


def test_a_few_operations_have_a_column_each() -> None:
    section = lay_out_indexes([used(3)])
    assert section is not None
    table = section.table
    assert [column.title for column in table.columns][2:5] == ["operation 0", "operation 1", "operation 2"]
    assert [cell.text for cell in table.rows[0][2:5]] == [ABSENT, "1 of 1", ABSENT]


def test_many_operations_share_a_column_that_names_those_that_use_the_index() -> None:
    """A column each would be a page of dashes."""
    section = lay_out_indexes([used(30)])
    assert section is not None
    table = section.table
    assert [column.title for column in table.columns] == [
        "Index",
        "Table",
        "Plans that use it",
        "Scans",
        "Size",
        "State",
    ]
    assert table.rows[0][2].text.startswith("operation 1 1 of 1, operation 3 1 of 1")
