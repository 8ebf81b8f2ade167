"""Which commands are recorded, in the order in which they are run: later ones need what earlier ones leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["normal", "error", "interrupted"]
SMALL = "--set run.window=300ms --set run.warmup=100ms"
SCENARIO = """\
name = "lookup"
budgets = ["p95(response_time) < 250ms", "error_rate < 0.1%"]
dataset = { scale = 0.01 }
load = { model = "closed", clients = 4 }
pool = { size = 2, workers = 1 }
run = { warmup = "200ms", window = "500ms", replicates = 2 }
sweep = { "pool.size" = [1, 2] }

[[operation]]
name = "rate"
sql = "SELECT base_rate FROM rate_tables WHERE id = $1"
parameters = [{ kind = "sample", names = ["id"], sql = "SELECT id FROM rate_tables ORDER BY 1" }]
"""
QUERIES = """\
SELECT * FROM rate_tables WHERE id = :rate;
SELECT id FROM rate_tables WHERE state = $1 ORDER BY id DESC LIMIT $2;
"""


@dataclass(frozen=True, slots=True)
class Session:
    """One command line. ``until`` is what it shows before it is interrupted; nothing: its first process."""

    line: str
    kind: Kind = "normal"
    until: str = ""

    def words(self, commands: set[tuple[str, ...]]) -> tuple[str, ...]:
        """Return the command that is recorded, of two words if it belongs to a group."""
        first, *rest = self.line.split()
        return (first, rest[0]) if rest and (first, rest[0]) in commands else (first,)


SESSIONS = (
    Session("doctor"),
    Session("doctor --pg-bin nowhere", "error"),
    Session("up", "interrupted"),
    Session("up"),
    Session("up --pg-bin nowhere --state other", "error"),
    Session("status"),
    Session("status --sate .bench", "error"),
    Session("env"),
    Session("env --state elsewhere", "error"),
    Session("schema upgrade"),
    Session("schema upgrade 900", "error"),
    Session("schema partitions --dry-run"),
    Session("schema partitions --ahead 500", "error"),
    Session("schema audit --claim S07"),
    Session("schema audit --claim S7", "error"),
    Session("schema audit", "interrupted"),
    Session("seed --scale 0.01"),
    Session("seed --scale 0", "error"),
    Session("seed --scale 0.5", "interrupted", until=r"rows"),
    Session("new lookups --sql queries.sql"),
    Session("new lookups --sql queries.sql", "error"),
    Session("plan lookup.toml"),
    Session("plan lookups.toml", "error"),
    Session("explain lookup.toml"),
    Session("explain lookup.toml --operation raet", "error"),
    Session("run lookup.toml"),
    Session("baseline set main latest"),
    Session("baseline set main 1999", "error"),
    Session("run lookup.toml --set run.seed=2"),
    Session("compare main latest"),
    Session("compare mian latest", "error"),
    Session("run lookup.toml --set pool.sise=4", "error"),
    Session("run lookup.toml", "interrupted", until=r"\[1/"),
    Session(f"capacity lookup.toml {SMALL} --confirm 1"),
    Session("capacity lookup.toml --set pool.size=soon", "error"),
    Session("capacity lookup.toml", "interrupted", until=r"\[1\]"),
    Session(f"tune lookup.toml {SMALL} --budget 5s --only pool.reset"),
    Session("tune lookup.toml --budget soon", "error"),
    Session("tune lookup.toml", "interrupted", until=r"\[1\]"),
    Session(f"swarm lookup.toml --workers 1 {SMALL}"),
    Session("swarm lookup.toml --workers none", "error"),
    Session("swarm lookup.toml --workers 1", "interrupted", until=r"\[1/"),
    Session("analyse latest"),
    Session("analyse 1999", "error"),
    Session("baseline list"),
    Session("baseline list --result .", "error"),
    Session("baseline show main"),
    Session("baseline show mian", "error"),
    Session("gate latest"),
    Session("gate latest --baseline mian", "error"),
    Session("gate latest --rerun --budget 'throughput > 1000000/s'", "interrupted", until=r"\[1/|trials"),
    Session("history lookup"),
    Session("history lokup", "error"),
    Session("monitor --once --interval 200ms"),
    Session("monitor --interval soon", "error"),
    Session("monitor --prometheus 0 --interval 200ms", "interrupted", until="metrics at"),
    Session("report latest"),
    Session("report 1999", "error"),
    Session("config pgbouncer --clients 100"),
    Session("config pgbuoncer", "error"),
    Session("completion bash"),
    Session("completion bsh", "error"),
    Session("baseline remove main"),
    Session("baseline remove main", "error"),
    Session("schema downgrade base"),
    Session("schema downgrade 900", "error"),
    Session("down"),
    Session("down --now", "error"),
)
LONG = {
    ("run",),
    ("capacity",),
    ("tune",),
    ("gate",),
    ("swarm",),
    ("monitor",),
    ("up",),
    ("seed",),
    ("schema", "audit"),
}
"""What a person may want to end by Ctrl-C."""
