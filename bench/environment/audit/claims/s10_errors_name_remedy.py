"""S10: who breaks a rule learns which one, and how to mend it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.rows import acting_as, refusal
from bench.environment.audit.subject import missing, shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.provoke import Provocation
    from bench.environment.audit.rows import Refusal
    from bench.environment.audit.subject import Subject

_REMEDY = re.compile(r"\bRemedy: \S")
_RAISES = re.compile(r"\bRAISE EXCEPTION\b")


def prove(subject: Subject) -> Proof:
    """Break every rule once: those of the catalogue by generated rows, those on file by their statements."""
    keys = {(each.table, each.name) for each in subject.catalogue.constraints if each.kind in "pux"}
    faults = missing("keys", keys, "the key is missing")
    for provocation in subject.provocations:
        faults += _judge(subject, provocation)
    tried, refusals = [], []
    for rule in shipped_facts("rules")["rule"]:
        met = _try(subject, rule)
        name = rule.get("rule") or rule["sqlstate"]
        tried.append({"rule": name, "statement": rule["sql"][-1].strip(), "answer": str(met), "hint": met and met.hint})
        refusals.append(met)
        faults += _judge_rule(subject, rule, name, met)
    faults += _unheard(subject, [met for met in refusals if met])
    counted = Counter(each.kind for each in subject.provocations if each.provoked)
    implied = {each.rule: each.implied_by for each in subject.provocations if each.implied_by}
    return Proof(
        f"{sum(counted.values())} rules of the catalogue broken once ("
        + ", ".join(f"{count} {kind}" for kind, count in counted.most_common())
        + f"), {len(tried)} by statements on file; {len(implied)} keys are implied by smaller ones",
        {"provoked": dict(counted), "implied_by_smaller_key": implied, "statements_on_file": tried},
        faults,
    )


def _judge(subject: Subject, provocation: Provocation) -> Iterator[Fault]:
    name = f"{provocation.table}.{provocation.rule}"
    if provocation.implied_by:
        return
    if provocation.refused is None:
        if provocation.kind != "check":  # S06 speaks of those
            yield Fault(name, f"it could not be provoked; {provocation.met_instead}", "Mend the rule, or drop it.")
        return
    catalogue = subject.catalogue
    if provocation.kind == "not null":
        comments = [c.comment for c in catalogue.columns_of(provocation.table) if c.name == provocation.rule]
        if not any(comments):
            yield Fault(name, "no comment says what belongs into the column", "COMMENT ON COLUMN.")
        return
    comments = [c.comment for c in catalogue.constraints_of(provocation.table) if c.name == provocation.rule]
    comments += [c.comment for c in catalogue.indexes_of(provocation.table) if c.name == provocation.rule]
    told = [*comments, f"Remedy: {provocation.refused.hint}" if provocation.refused.hint else None]
    if not any(_REMEDY.search(text or "") for text in told):
        yield Fault(
            name,
            f"the error names the rule, but neither a hint nor its comment gives a remedy: {provocation.refused}",
            "COMMENT ON it with a sentence that begins with `Remedy:`.",
        )


def _try(subject: Subject, rule: dict[str, Any]) -> Refusal | None:
    """Run the statements of a rule; returns how the last was refused, None if it was not."""
    *first, last = rule["sql"]
    role = rule.get("role", shipped_facts("access")["owner"])
    with subject.playground() as connection:

        def attempt() -> None:
            with acting_as(connection, role, **rule.get("settings", {})):
                for statement in [*first, last]:
                    connection.execute(statement.encode())

        return refusal(attempt, connection)


def _judge_rule(subject: Subject, rule: dict[str, Any], name: str, met: Refusal | None) -> Iterator[Fault]:
    statement = " ".join(rule["sql"][-1].split())[:90]
    if met is None:
        yield Fault(
            name, f"nothing refuses: {statement}", "Restore the constraint, trigger or function behind the rule."
        )
    elif met.rule != rule.get("rule", "") or met.sqlstate != rule.get("sqlstate", met.sqlstate):
        yield Fault(name, f"something else refuses ({met}): {statement}", "Mend the rule or its recipe in rules.toml.")
    elif not met.hint and not any(each.name == name for each in subject.catalogue.constraints):
        yield Fault(name, f"the error has no hint: {met}", "RAISE … USING HINT with the remedy.")


def _unheard(subject: Subject, heard: list[Refusal]) -> Iterator[Fault]:
    """Name functions that can refuse and were not heard; S11 hears the one of the state machines."""
    contexts = "\n".join(met.context for met in heard)
    for function in subject.catalogue.functions:
        of_machines = function.for_trigger and "state_transitions" in function.source
        if _RAISES.search(function.source) and not of_machines and f"function {function.name}(" not in contexts:
            # The server qualifies the name where the caller's search path is another.
            if f".{function.name}(" in contexts:
                continue
            yield Fault(function.signature, "it can refuse, and nothing here provokes it", "Add it to rules.toml.")


claim = Claim(
    "S10",
    "Constraint errors tell the user how to mend them: the rule by name, the remedy beside it",
    prove,
    shipped_only=True,
)
