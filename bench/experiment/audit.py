"""`bench schema audit`: the claims tried on a scratch database, their ledger stored and shown."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bench.environment.attached import Attachment, attach
from bench.environment.audit.run import audit, check_claims
from bench.environment.embedded import session
from bench.environment.safeguard import refuse_production
from bench.report.audit_page import render_audit
from bench.store.audits import AUDIT, name_audit, write_audit
from bench.store.disk import make_folder, replace_file, writing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from bench.environment.audit.generate import Recipes
    from bench.environment.embedded import Where
    from bench.experiment.progress import Progress
    from bench.model.endpoint import Endpoint
    from bench.model.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """What to audit, where, and where to write what was found."""

    where: Where | Attachment
    results_root: Path
    reports_root: Path
    location: Path | None = None
    recipes: Recipes | None = None
    only: Collection[str] = ()
    html: bool = False
    i_know: bool = False
    """Scratch databases may be made on a server that looks like production."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit leaves. ``report`` is the page, None if none was asked for."""

    run_id: str
    path: Path
    report: Path | None
    ledger: Ledger

    def document(self) -> dict[str, Any]:
        """Return the fields of ``audit.json``, which are those of ``--json`` too."""
        ledger = self.ledger
        return {
            "run_id": self.run_id,
            "path": str(self.path),
            "report": None if self.report is None else str(self.report),
            "verdict": ledger.verdict,
            "subject": ledger.subject,
            "started_utc": ledger.started_utc,
            "seconds": round(ledger.seconds, 3),
            "claims": [
                {key: value for key, value in msgspec.to_builtins(claim).items() if key != "faults"}
                for claim in ledger.claims
            ],
            "not_applicable": msgspec.to_builtins(ledger.not_applicable),
            "notes": list(ledger.notes),
        }


def run_audit(request: AuditRequest, progress: Progress) -> Audited:
    """Try the claims, store the ledger and, where asked for, its page; raises ``SetupError`` and ``StoreError``."""
    check_claims(request.only)
    with _server(request) as server:
        ledger = audit(server, progress.note, location=request.location, recipes=request.recipes, only=request.only)
    run_id = name_audit(request.results_root, ledger.started_utc)
    folder = request.results_root / run_id
    report = request.reports_root / run_id / "index.html" if request.html else None
    audited = Audited(run_id, folder, report, ledger)
    write_audit(request.results_root, run_id, audited.document())
    if report is not None:
        link = os.path.relpath(folder / AUDIT, report.parent)
        with writing(report.parent):
            report.parent.parent.mkdir(parents=True, exist_ok=True)
            make_folder(report.parent)
        replace_file(report, render_audit(ledger, run_id, link).encode())
    return audited


@contextlib.contextmanager
def _server(request: AuditRequest) -> Iterator[Endpoint]:
    if isinstance(request.where, Attachment):
        with attach(request.where) as reached:
            refuse_production(reached.admin, i_know=request.i_know)
            yield reached.admin
    else:
        with session(request.where) as environment:
            yield environment.admin
