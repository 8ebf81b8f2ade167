"""Did it help? Four answers from interleaved pairs: proven, no effect, harmful, undecided. Numbers in, verdict out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from bench.stats.estimate import Estimate, Refused
from bench.stats.sequential import LOOKS, reached, repeated_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THROUGHPUT = "throughput"
MARGIN = 0.05
"""A smaller effect is not worth a change: what is shown to be below it counts as none."""
ERRORS = 0.001
"""Share of operations that may fail more often than at the start."""

Outcome = Literal["proven", "no effect", "harmful", "undecided"]


class Series(NamedTuple):
    """A metric over the pairs, in their order: at the start and changed."""

    before: Sequence[float]
    after: Sequence[float]
    smaller_is_better: bool


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Ratio changed / start of one metric."""

    metric: str
    ratio: Estimate | Refused
    smaller_is_better: bool

    @property
    def gain(self) -> float:
        """How many times better the change is, above 1 if it is; 1 where it is not known."""
        if isinstance(self.ratio, Refused):
            return 1.0
        return 1 / self.ratio.point if self.smaller_is_better else self.ratio.point

    @property
    def improves(self) -> bool:
        """Whether the interval excludes "no change" and the point lies beyond the margin."""
        return isinstance(self.ratio, Estimate) and self._beyond(better=True)

    @property
    def worsens(self) -> bool:
        """Whether the same is shown the wrong way round."""
        return isinstance(self.ratio, Estimate) and self._beyond(better=False)

    @property
    def is_small(self) -> bool:
        """Whether an improvement beyond the margin is excluded."""
        if isinstance(self.ratio, Refused):
            return False
        return self.ratio.low > 1 - MARGIN if self.smaller_is_better else self.ratio.high < 1 + MARGIN

    def _beyond(self, *, better: bool) -> bool:
        if isinstance(self.ratio, Refused):
            return False
        if self.smaller_is_better == better:
            return self.ratio.high < 1 and self.ratio.point <= 1 - MARGIN
        return self.ratio.low > 1 and self.ratio.point >= 1 + MARGIN

    @property
    def words(self) -> str:
        """``p95 -38 % [-44, -31]``."""
        if isinstance(self.ratio, Refused):
            return f"{self.metric}: {self.ratio.reason}"
        point, low, high = (
            f"{100 * (value - 1):+.0f}" for value in (self.ratio.point, self.ratio.low, self.ratio.high)
        )
        return f"{self.metric} {point} % [{low}, {high}]"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer and what it rests on. ``main`` is the effect that decided, or the one that was aimed at."""

    outcome: Outcome
    reason: str
    pairs: int
    effects: tuple[Effect, ...] = ()

    @property
    def main(self) -> Effect | None:
        """The effect to quote: what improved most, what worsened, else the first metric."""
        if not self.effects:
            return None
        if self.outcome == "harmful":
            return next((effect for effect in self.effects if effect.worsens), self.effects[0])
        improved = [effect for effect in self.effects if effect.improves]
        return max(improved, key=lambda effect: effect.gain, default=self.effects[0])

    @property
    def words(self) -> str:
        """``proven: p95 -38 % [-44, -31], 6 interleaved pairs``."""
        main = self.main
        if main is None or isinstance(main.ratio, Refused):
            return f"{self.outcome}: {self.reason}"
        return f"{self.outcome}: {main.words}, {self.pairs} interleaved pairs"

    @property
    def settled(self) -> bool:
        """Whether more pairs are of no use."""
        return self.outcome != "undecided" or self.pairs >= LOOKS[-1]


def decide(
    series: Mapping[str, Series], family: int, *, errors: tuple[float, float] = (0.0, 0.0), pairs: int = 0
) -> Decision:
    """Judge the pairs of one change.

    Proven: a metric is shown better (interval and size), none looks worse by more than the margin (or a throughput's
    gain is larger than what the response time loses), and no more operations fail. Harmful: one is shown worse, or more
    fail. No effect: for each metric an improvement beyond ``MARGIN`` is excluded. Undecided: everything else. The
    intervals hold together for the whole family and all looks, see ``bench.stats.sequential``.
    """
    known = max((min(len(one.before), len(one.after)) for one in series.values()), default=pairs)
    look = reached(known)
    if look is None:
        return Decision(
            outcome="undecided", reason=f"{known} usable pairs, the first look is at {LOOKS[0]}", pairs=known
        )
    effects = tuple(
        Effect(
            metric=name,
            ratio=repeated_ratio(one.before, one.after, family),
            smaller_is_better=one.smaller_is_better,
        )
        for name, one in series.items()
    )
    outcome, reason = _judge(effects, errors)
    return Decision(outcome=outcome, reason=reason, pairs=look, effects=effects)


def _judge(effects: Sequence[Effect], errors: tuple[float, float]) -> tuple[Outcome, str]:
    said = "; ".join(effect.words for effect in effects)
    if errors[1] > errors[0] + ERRORS:
        return "harmful", f"{100 * errors[1]:.2f} % of the operations fail, {100 * errors[0]:.2f} % at the start"
    if any(effect.improves and effect.metric == THROUGHPUT for effect in effects):
        # A response time ends before the release: where clients are served faster in all, it may still rise a little.
        together = math.prod(effect.gain for effect in effects)
        return ("proven", said) if together > 1 else ("undecided", f"{said}: a trade-off")
    if any(effect.worsens for effect in effects):
        return "harmful", said
    if any(effect.improves for effect in effects):
        doubted = [effect.metric for effect in effects if effect.gain < 1 - MARGIN]
        if doubted:  # one look more may show it worse
            return "undecided", f"{said}: better, but {' and '.join(doubted)} may be worse"
        return "proven", said
    if effects and all(effect.is_small for effect in effects):
        return "no effect", f"{said}: an improvement of {100 * MARGIN:g} % or more is excluded"
    return "undecided", f"{said}: the intervals allow both"
