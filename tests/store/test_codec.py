"""JSON files: what goes in comes out, and what cannot be read is refused by name."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.measurement import Verdict
from bench.design.plan import Plan
from bench.model.errors import StoreError
from bench.model.facts import HostSummary, ReportedTrial, RunFacts, TrialFacts
from bench.model.units import Duration, Rate
from bench.stats.estimate import Estimate
from bench.store import codec, layout
from tests.store import examples

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path("somewhere/run.json")
FACTS = examples.facts_of(examples.PLAN.trials[0])
WHOLE = [
    ("run", RunFacts, examples.RUN),
    ("plan", Plan, examples.PLAN),
    ("host", HostSummary, examples.HOST),
    ("facts", TrialFacts, FACTS),
    ("plans", layout.Plans, layout.Plans((examples.QUERY_PLAN,))),
    ("measurements", layout.Measurements, layout.Measurements("r", (examples.MEASUREMENT,))),
    ("verdict", Verdict, examples.VERDICT),
]


def _changed(**changes: object) -> bytes:
    document = json.loads(codec.encode("run", examples.RUN))
    return json.dumps({**document, **changes}).encode()


@pytest.mark.parametrize(("kind", "form", "value"), WHOLE, ids=[kind for kind, _, _ in WHOLE])
def test_every_kind_survives_the_disk(kind: str, form: type[Any], value: object) -> None:
    """The value comes back equal, and encoding it again gives the same bytes."""
    data = codec.encode(kind, value)
    back = codec.decode(data, SOURCE, kind, form)
    assert back == value
    assert codec.encode(kind, back) == data
    assert list(json.loads(data))[:2] == ["format", "kind"]


def test_findings_survive_with_their_evidence_as_plain_json() -> None:
    data = codec.encode("findings", layout.Findings((examples.FINDING,)))
    (back,) = codec.decode(data, SOURCE, "findings", layout.Findings).findings
    assert back.patch == examples.FINDING.patch
    assert back.evidence["throughput"]["low"] == 7100.0
    assert codec.encode("findings", layout.Findings((back,))) == data


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.tuples(numbers, numbers, numbers).map(sorted), st.floats(0.01, 0.99), st.integers(1, 2**53))
def test_an_estimate_keeps_every_bit(ends: list[float], level: float, n: int) -> None:
    estimate = Estimate(ends[1], ends[0], ends[2], level, n, "1/s")
    measurement = msgspec.structs.replace(examples.MEASUREMENT, metrics={"throughput": estimate})
    data = codec.encode("measurements", layout.Measurements("r", (measurement,)))
    assert codec.decode(data, SOURCE, "measurements", layout.Measurements).measurements == (measurement,)


@given(st.dictionaries(st.text(), st.text() | st.integers() | numbers | st.booleans()))
def test_a_treatment_keeps_its_order_and_its_types(treatment: dict[str, Any]) -> None:
    """30 stays an integer, 30.0 a float, true a truth; swept keys keep the order that lays out the trials."""
    trial = ReportedTrial(treatment=treatment, metrics={})
    run = msgspec.structs.replace(examples.RUN, reported=(trial,))
    back = codec.decode(codec.encode("run", run), SOURCE, "run", RunFacts).reported[0].treatment
    assert [(key, type(level), level) for key, level in back.items()] == [
        (key, type(level), level) for key, level in treatment.items()
    ]


def test_a_number_that_is_not_finite_is_stored_as_null_and_read_as_unknown() -> None:
    assert FACTS.server is not None
    server = msgspec.structs.replace(FACTS.server, database={"hit": math.nan, "read": math.inf, "kept": 1.0})
    facts = msgspec.structs.replace(FACTS, server=server, load_average_1m=math.nan)
    data = codec.encode("facts", facts)
    assert json.loads(data)["server"]["database"] == {"hit": None, "read": None, "kept": 1.0}
    back = codec.decode(data, SOURCE, "facts", TrialFacts)
    assert back.server is not None
    assert [math.isnan(value) for value in back.server.database.values()] == [True, True, False]
    assert math.isnan(back.load_average_1m)
    assert back.server.cpu_s == 0.25
    assert back.pooler is not None
    assert back.pooler.cpu_s is None  # null where null is due stays null


def test_an_estimate_without_a_number_is_refused() -> None:
    data = codec.encode("measurements", layout.Measurements("r", (examples.MEASUREMENT,)))
    with pytest.raises(StoreError, match="is damaged") as caught:
        codec.decode(data.replace(b"7266.0", b"null"), SOURCE, "measurements", layout.Measurements)
    assert "not finite" in caught.value.evidence
    assert "$.measurements[0].metrics" in caught.value.evidence


def test_numbers_of_numpy_and_units_become_plain_numbers() -> None:
    evidence = {
        "p95": np.float64(0.5),
        "n": np.int64(3),
        "ok": np.bool_(True),
        "unknown": np.float64("nan"),
        "curve": np.array([1, 2]),
        "window": Duration(5),
        "rate": Rate(2.5),
        "path": Path("a/b"),
    }
    finding = msgspec.structs.replace(examples.FINDING, evidence=evidence)
    data = json.loads(codec.encode("findings", layout.Findings((finding,))))
    assert data["findings"][0]["evidence"] == {
        "p95": 0.5,
        "n": 3,
        "ok": True,
        "unknown": None,
        "curve": [1, 2],
        "window": 5,
        "rate": 2.5,
        "path": "a/b",
    }


def test_a_window_given_as_a_duration_is_stored_in_nanoseconds() -> None:
    facts = msgspec.structs.replace(FACTS, window_start_ns=Duration.parse("100ms"))
    assert codec.decode(codec.encode("facts", facts), SOURCE, "facts", TrialFacts) == FACTS


def test_a_value_that_has_no_form_in_json_is_a_bug() -> None:
    with pytest.raises(NotImplementedError, match="object has no form"):
        codec.encode("host", {"details": object()})


def test_a_newer_format_is_refused_by_name() -> None:
    with pytest.raises(StoreError) as caught:
        codec.decode(_changed(format=3), SOURCE, "run", RunFacts)
    assert caught.value.problem == (
        "somewhere/run.json was written by a newer poolbench (format 3, this one reads up to 1)"
    )
    assert caught.value.remedy == "Upgrade poolbench."


@pytest.fixture
def third_format(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, codec.Upgrade]], None]:
    """Let `host` be at format 3, reached by the upgrades given."""

    def register(upgrades: dict[int, codec.Upgrade]) -> None:
        monkeypatch.setitem(codec.FORMATS, "host", 3)
        monkeypatch.setitem(codec.UPGRADES, "host", upgrades)

    return register


def _old_host() -> bytes:
    fields = msgspec.to_builtins(examples.HOST)
    fields["cpus"] = fields.pop("cores")
    return json.dumps({"format": 1, "kind": "host", **fields}).encode()


def test_an_older_format_is_upgraded_step_by_step(
    third_format: Callable[[dict[int, codec.Upgrade]], None],
) -> None:
    def rename(old: dict[str, Any]) -> dict[str, Any]:
        return {**{key: value for key, value in old.items() if key != "cpus"}, "cores": old["cpus"]}

    def double(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "cores": old["cores"] * 2}

    third_format({1: rename, 2: double})
    assert codec.decode(_old_host(), SOURCE, "host", HostSummary).cores == 2 * examples.HOST.cores
    assert json.loads(codec.encode("host", examples.HOST))["format"] == 3


def test_an_older_format_without_an_upgrade_is_refused(
    third_format: Callable[[dict[int, codec.Upgrade]], None],
) -> None:
    third_format({1: dict})
    with pytest.raises(StoreError, match=r"older poolbench \(format 2\)"):
        codec.decode(_old_host(), SOURCE, "host", HostSummary)


def test_an_older_file_that_is_damaged_is_refused(
    third_format: Callable[[dict[int, codec.Upgrade]], None],
) -> None:
    third_format({1: lambda old: {"cores": old["processors"]}, 2: dict})
    with pytest.raises(StoreError, match="is damaged") as caught:
        codec.decode(_old_host(), SOURCE, "host", HostSummary)
    assert "format 1 cannot be upgraded: KeyError: 'processors'" in caught.value.evidence


def test_every_older_format_has_its_upgrade() -> None:
    for kind, newest in codec.FORMATS.items():
        assert set(codec.UPGRADES.get(kind, {})) == set(range(1, newest))


@pytest.mark.parametrize(
    ("data", "evidence"),
    [
        (b"", "not valid JSON"),
        (codec.encode("run", examples.RUN)[:-20], "not valid JSON"),
        (b'{"kind": "run", "x": "\xff"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "an object was expected, not list"),
        (_changed(format=None), "`format` is None"),
        (_changed(format=True), "`format` is True"),
        (_changed(format=0), "`format` is 0"),
        (_changed(seed="one"), "Expected `int`, got `str` - at `$.seed`"),
        (_changed(seed=None), "Expected `int`, got `null` - at `$.seed`"),
        (_changed(status="done"), "Invalid enum value 'done' - at `$.status`"),
        (_changed(caveats=[{"code": "a", "text": "b"}]), "missing required field `cure` - at `$.caveats[0]`"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(data: bytes, evidence: str) -> None:
    with pytest.raises(StoreError, match=r"somewhere/run\.json is damaged") as caught:
        codec.decode(data, SOURCE, "run", RunFacts)
    assert evidence in caught.value.evidence


@pytest.mark.parametrize(("kind", "evidence"), [("plan", "its `kind` is 'plan'"), (None, "it has no `kind`")])
def test_a_file_of_another_kind_is_refused(kind: str | None, evidence: str) -> None:
    with pytest.raises(StoreError, match=r"is not a `run` file") as caught:
        codec.decode(_changed(kind=kind), SOURCE, "run", RunFacts)
    assert caught.value.evidence == evidence


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_bytes_stand_there_the_answer_is_a_store_error(data: bytes) -> None:
    with pytest.raises(StoreError):
        codec.decode(data, SOURCE, "run", RunFacts)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read .*run\.json") as caught:
        codec.load(tmp_path / "run.json", "run", RunFacts)
    assert "ENOENT" in caught.value.evidence
