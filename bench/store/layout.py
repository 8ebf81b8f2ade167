"""What lies where in a run folder."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from bench.analysis.measurement import Finding, Measurement
from bench.model.facts import PlanFact

PARTIAL: Final = ".partial"
"""A folder still being written ends so; the rename at the end takes it off."""

RUN: Final = "run.json"
SCENARIO: Final = "scenario.toml"
PLAN: Final = "plan.json"
HOST: Final = "host.json"
TUNING: Final = "tuning.json"
EXPLAINED: Final = "explained.json"

TRIALS: Final = "trials"
SAMPLES: Final = "samples.parquet"
HISTOGRAM: Final = "histogram.hlog"
FACTS: Final = "facts.json"
PLANS: Final = "plans.json"
FAILURE: Final = "failure.txt"

MEASUREMENTS: Final = "measurements.json"
MEASUREMENTS_TABLE: Final = "measurements.parquet"
FINDINGS: Final = "findings.json"
VERDICT: Final = "verdict.json"
GATE: Final = "gate.json"
DERIVED: Final = (MEASUREMENTS, MEASUREMENTS_TABLE, FINDINGS, VERDICT, GATE)

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
"""What a run or a trial may be called: one part of a path, never hidden, never above itself."""


class Plans(msgspec.Struct, frozen=True):
    """The document of ``plans.json``."""

    plans: tuple[PlanFact, ...]


class Measurements(msgspec.Struct, frozen=True):
    """The document of ``measurements.json``."""

    run_id: str
    measurements: tuple[Measurement, ...]


class Findings(msgspec.Struct, frozen=True):
    """The document of ``findings.json``."""

    findings: tuple[Finding, ...]
