"""The list of metrics is that of measurements: nothing is measured that is not described, and the other way round."""

from __future__ import annotations

import itertools

from bench.analysis.measure import combine
from bench.analysis.metrics import DURATION_MEANINGS, OTHER_METRICS, Metric
from bench.analysis.split import PARTS
from bench.model.budget import STATISTICS
from bench.model.sample import DURATIONS
from tests.analysis.synthetic import closed_loop, scenario, summary_of, treatment_of


def test_every_metric_of_a_measurement_is_described_with_its_unit() -> None:
    treated = scenario()
    summaries = [summary_of(treated, closed_loop(treated), block) for block in (1, 2, 3)]
    (measured,) = combine(treatment_of(treated), summaries, ("*",))
    durations = itertools.product(DURATION_MEANINGS.items(), STATISTICS)
    known = {f"{name}.{one}": Metric("s", meaning) for (name, meaning), one in durations} | OTHER_METRICS
    assert measured.metrics.keys() | measured.refused.keys() == known.keys() - {"retries_per_operation"}
    units = {name: estimate.unit for name, estimate in measured.metrics.items()}
    assert units == {name: known[name].unit for name in units}


def test_durations_and_parts_are_those_that_are_recorded() -> None:
    assert tuple(DURATION_MEANINGS) == DURATIONS
    assert {name for name in OTHER_METRICS if name.startswith("split.")} == {f"split.{part}" for part in PARTS}
