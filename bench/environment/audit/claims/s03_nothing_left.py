"""S03: a downgrade drops what its upgrade creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.claims.s02_real_migrations import some
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject


def prove(subject: Subject) -> Proof:
    """Subtract the catalogue before the upgrade from the one after the downgrade."""
    faults = []
    for rung in subject.ladder:
        if rung.left_behind:
            consequence = f", and so it cannot be applied again ({rung.broke[1]})" if rung.broke else ""
            missing = rung.revision.downgrade
            what = f"everything it creates, as {missing}" if missing else some(rung.left_behind)
            faults.append(
                Fault(
                    rung.revision.id,
                    f"its downgrade leaves behind {what}{consequence}",
                    "Drop it in the downgrade, in the reverse order of creation.",
                )
            )
        elif rung.down_again is None:
            problem = f"nothing is known of what it leaves, as its {rung.broke[0] if rung.broke else 'way'} fails"
            faults.append(Fault(rung.revision.id, problem, "Mend it first: see S02."))
    tried = [rung for rung in subject.ladder if rung.down_again is not None]
    created = sum(len(rung.created) for rung in tried)
    return Proof(
        f"{created} objects created by {len(tried)} revisions, parts of tables aside; "
        f"{sum(len(rung.left_behind) for rung in tried)} left behind",
        {"revisions": {rung.revision.id: {"created": rung.created, "left_behind": rung.left_behind} for rung in tried}},
        faults,
    )


claim = Claim("S03", "What a revision creates, its downgrade drops", prove)
