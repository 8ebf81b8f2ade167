"""Trying every claim on a scratch database that is gone afterwards."""

from __future__ import annotations

import difflib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import psycopg

from bench.environment import migrations
from bench.environment.audit.claim import Proof, Unprovable
from bench.environment.audit.claims import CLAIMS
from bench.environment.audit.generate import Recipes
from bench.environment.audit.scratch import scratch
from bench.environment.audit.subject import Subject, shipped_facts
from bench.environment.connection import connected
from bench.model.errors import ScenarioError
from bench.model.ledger import ClaimResult, Fault, Ledger, NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from bench.environment.audit.claim import Claim
    from bench.model.endpoint import Endpoint

_REMEDIES_NAMED = 3


def check_claims(only: Collection[str]) -> None:
    """Refuse the id of a claim that there is none of, with the nearest; raises ``ScenarioError``."""
    known = sorted(claim.id for claim in CLAIMS)
    unknown = sorted(set(only) - set(known))
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.0)[0]
        raise ScenarioError(
            f"there is no claim {', '.join(unknown)}; did you mean {near}?", remedy=f"Use some of {', '.join(known)}."
        )


def audit(
    server: Endpoint,
    note: Callable[[str], None],
    *,
    location: Path | None = None,
    shipped: bool | None = None,
    recipes: Recipes | None = None,
    only: Collection[str] = (),
) -> Ledger:
    """Try the claims on ``server`` and return the ledger; the database it points to is never touched.

    ``location`` is the Alembic environment (default: the shipped revisions); ``shipped`` says whether the claims about
    the shipped schema's names apply (default: whether it is that one). ``only`` picks claims by id. Raises
    ``SetupError`` where no scratch database can be made or the environment would migrate another one.
    """
    check_claims(only)
    where = location or migrations.script_location()
    ours = where.resolve() == migrations.script_location().resolve() if shipped is None else shipped
    started, clock = datetime.now(UTC), time.monotonic()
    with scratch(server) as databases:
        given = recipes if recipes is not None else shipped_facts("rows") if ours else {}
        subject = Subject(where, databases, shipped=ours, recipes=msgspec.convert(given, Recipes), note=note)
        _ = subject.graph  # an environment that is none is told before anything is made
        probe = databases.create()
        subject.steps.check(probe)
        databases.drop(probe)
        chosen = [claim for claim in CLAIMS if not only or claim.id in only]
        results = tuple(_try(claim, subject, note) for claim in chosen if ours or not claim.shipped_only)
        with connected(server) as connection:
            version = connection.info.parameter_status("server_version") or "unknown"
    return Ledger(
        subject={
            "environment": where.name if ours else str(where),
            "server": f"PostgreSQL {version}",
            **({"schema": migrations.schema_hash()} if ours else {}),
        },
        claims=results,
        not_applicable=tuple(
            NotApplicable(claim.id, claim.text, "it speaks of names that only the shipped schema has")
            for claim in chosen
            if claim.shipped_only and not ours
        ),
        notes=tuple(dict.fromkeys(subject.notes)),
        started_utc=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - clock,
    )


def _try(claim: Claim, subject: Subject, note: Callable[[str], None]) -> ClaimResult:
    """Try one claim. What cannot be tried is not proven, so it fails."""
    note(f"{claim.id} {claim.text}")
    clock = time.monotonic()
    try:
        proof = claim.prove(subject)
    except Unprovable as reason:
        proof = Proof("it could not be tried", faults=[reason.fault])
    except psycopg.Error as error:
        words = " ".join((error.diag.message_primary or str(error)).split())
        broken = Fault("schema", f"the attempt to prove it failed: {words}", "Mend what the server names.")
        proof = Proof("it could not be tried to the end", faults=[broken])
    remedies = list(dict.fromkeys(fault.remedy for fault in proof.faults))
    return ClaimResult(
        id=claim.id,
        claim=claim.text,
        verdict="fail" if proof.faults else "pass",
        summary=proof.summary,
        evidence={**proof.evidence, "faults": [msgspec.to_builtins(fault) for fault in proof.faults]},
        remedy=" ".join(remedies[:_REMEDIES_NAMED]),
        faults=tuple(proof.faults),
        seconds=time.monotonic() - clock,
    )
