"""A judgement as JUnit XML, the form that every CI system shows: one test case a line.

The elements are those of Apache Ant's JUnit report, in its order. What is inconclusive is an `error`: it did not fail,
and nobody may take it for a pass. Lines that do not count are `skipped`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from bench.report.gate import GateDocument, GateRow

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(document: GateDocument) -> str:
    """Return the XML document; the same judgement gives the same text."""
    mine = document.deciding
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites,
        "testsuite",
        {
            "name": _token(document.scenario) or "gate",
            "package": "poolbench.gate",
            "id": "0",
            "timestamp": _timestamp(document.origin.started_utc),
            "hostname": "localhost",
            "tests": str(len(document.rows)),
            "failures": str(sum(row.verdict == "fail" for row in mine)),
            "errors": str(sum(row.verdict == "inconclusive" for row in mine)),
            "skipped": str(len(document.rows) - len(mine)),
            "time": f"{document.origin.seconds:.3f}",
        },
    )
    properties = ET.SubElement(suite, "properties")
    facts = {"run": document.run_id, "baseline": document.baseline, "verdict": document.verdict}
    for name, value in facts.items():
        if value:
            ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    for row in document.rows:
        suite.append(_case(document, row))
    ET.SubElement(suite, "system-out").text = _text("\n".join([document.sentence, *document.notes]))
    ET.SubElement(suite, "system-err").text = _text("\n".join(document.allowed))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(document: GateDocument, row: GateRow) -> ET.Element:
    case = ET.Element(
        "testcase",
        {"name": _token(row.key), "classname": _token(f"poolbench.{document.scenario}.{row.operation}"), "time": "0"},
    )
    if not row.counts:
        ET.SubElement(case, "skipped")
    elif row.verdict != "pass":
        tag = "failure" if row.verdict == "fail" else "error"
        message = " ".join(part for part in (row.observed, row.against, row.change) if part)
        told = ET.SubElement(case, tag, {"message": _text(row.reason or message), "type": row.kind})
        told.text = _text(f"{row.what}: {message}\n{row.reason}")
    return case


def _timestamp(utc: str) -> str:
    """Return ISO 8601 without fraction and zone, as the format wants it."""
    return datetime.fromisoformat(utc).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _text(value: str) -> str:
    return _FORBIDDEN.sub("\ufffd", value)


def _token(value: str) -> str:
    return " ".join(_text(value).split())
