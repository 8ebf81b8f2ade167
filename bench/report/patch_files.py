"""What a tuning advises as files to use: settings, a migration with its way back, pool settings as code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.tuning.patches import POOLER_KEYS

if TYPE_CHECKING:
    from bench.analysis.tuning.outcome import TuningOutcome
    from bench.model.scenario import Scenario


def render_patches(outcome: TuningOutcome, advised: Scenario) -> dict[str, str]:
    """Return text by file name; ``advised`` is the scenario with everything kept. No file where nothing changes.

    The two files of pool settings are always there: they say what was measured as best, changed or not.
    """
    change = outcome.change
    files = {"pool_asyncpg.py": _asyncpg(outcome, advised), "pool_psycopg.py": _psycopg(outcome, advised)}
    pooler = {name: str(change.scenario[key]) for name, key in POOLER_KEYS.items() if key in change.scenario}
    pooler |= change.pooler
    if pooler:
        files["pgbouncer.ini"] = _commented(outcome, ";") + "[pgbouncer]\n" + _lines(pooler, "{} = {}\n")
    if change.server:
        files["postgresql.conf"] = _commented(outcome, "#") + _lines(change.server, "{} = '{}'\n")
    sql = [one for one in outcome.kept if one.candidate.patch.kind == "sql"]
    if sql:
        parts = [f"-- {one.candidate.title}: {one.decision.words}\n{one.candidate.patch.text}" for one in sql]
        back = "".join(f"-- {line}\n" for one in reversed(sql) for line in one.candidate.patch.rollback.splitlines())
        head = "-- Run outside a transaction: CREATE INDEX CONCURRENTLY does not lock the table for writers.\n"
        files["migration.sql"] = f"{head}{''.join(parts)}\n-- The way back:\n{back}"
    return files


def _commented(outcome: TuningOutcome, sign: str) -> str:
    return "".join(f"{sign} {one.candidate.title}: {one.decision.words}\n" for one in outcome.kept)


def _lines(settings: dict[str, str], form: str) -> str:
    return "".join(form.format(name, value) for name, value in settings.items())


def _asyncpg(outcome: TuningOutcome, advised: Scenario) -> str:
    pool = advised.pool
    minimum = pool.size if pool.prewarm else min(pool.min_size or 0, pool.size)
    timeout = f"acquire timeout: {pool.acquire_timeout.seconds:g} s" if pool.acquire_timeout else "no acquire timeout"
    reset = "" if pool.reset == "default" else "    connection_class=NoReset,\n"
    kind = (
        ""
        if pool.reset == "default"
        else "class NoReset(asyncpg.Connection):\n"
        '    """Only where no operation leaves session state behind."""\n\n'
        '    def get_reset_query(self):\n        return ""\n\n\n'
    )
    return (
        f"{_commented(outcome, '#')}# size: all processes of the service together; {timeout}\n"
        f"import asyncpg\n\n\n{kind}"
        f"POOL = dict(\n    min_size={minimum},\n    max_size={pool.size},\n"
        f"    statement_cache_size={pool.statement_cache},\n    max_queries={pool.max_queries},\n"
        f"    max_inactive_connection_lifetime={pool.max_inactive.seconds:g},\n{reset})\n"
        "# pool = await asyncpg.create_pool(dsn, **POOL)\n"
    )


def _psycopg(outcome: TuningOutcome, advised: Scenario) -> str:
    pool = advised.pool
    minimum = pool.size if pool.prewarm else min(pool.min_size or 0, pool.size)
    timeout = f"    timeout={pool.acquire_timeout.seconds:g},\n" if pool.acquire_timeout else ""
    threshold = "None" if pool.statement_cache == 0 else "5"
    return (
        f"{_commented(outcome, '#')}# size: all processes of the service together\n"
        "from psycopg_pool import AsyncConnectionPool\n\n"
        f"POOL = dict(\n    min_size={minimum},\n    max_size={pool.size},\n{timeout}"
        f"    max_idle={pool.max_inactive.seconds:g},\n"
        f'    kwargs={{"autocommit": {pool.autocommit}, "prepare_threshold": {threshold}}},\n)\n'
        "# pool = AsyncConnectionPool(dsn, open=False, **POOL); await pool.open(wait=True)\n"
    )
