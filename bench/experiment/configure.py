"""`bench config`: facts of a machine or a run -> configuration -> file; and the file tried on scratch servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.configuration.inputs import descriptors_of, usable
from bench.analysis.configuration.pgbouncer import recommend_pgbouncer
from bench.analysis.configuration.postgresql import recommend_postgresql
from bench.analysis.findings import best_pool_size
from bench.environment.configured import (
    ask_through,
    read_back_pooler,
    read_back_server,
    scratch_pooler,
    scratch_server,
)
from bench.environment.host import describe_host
from bench.model.errors import StoreError
from bench.model.facts import HostSummary
from bench.report.configuration import render_configuration
from bench.store import codec
from bench.store.runs import open_run

if TYPE_CHECKING:
    from bench.analysis.configuration.setting import Configuration
    from bench.environment.configured import ReadBack
    from bench.environment.embedded import Where

THIS_MACHINE = "this-machine"
RECOMMEND = {"postgresql": recommend_postgresql, "pgbouncer": recommend_pgbouncer}


@dataclass(frozen=True, slots=True)
class Verified:
    """What scratch servers made of the file. ``versions`` by program."""

    versions: dict[str, str]
    settings: tuple[ReadBack, ...]

    @property
    def agrees(self) -> bool:
        """Whether every setting is in force as written."""
        return not any(setting.doubt for setting in self.settings)


def read_facts(source: str, results_root: Path) -> dict[str, int | str]:
    """Return fields of ``Inputs`` from ``this-machine``, a ``host.json``, or a run; raises ``StoreError``."""
    if source == THIS_MACHINE:
        return _of_host(describe_host())
    path = Path(source)
    if path.is_file():
        return _of_host(codec.load(path, "host", HostSummary))
    reader = open_run(source, results_root)
    if reader.host is None:
        raise StoreError(
            f"{reader.path} states no machine", remedy="Name a run that was measured, a host.json, or `this-machine`."
        )
    found = _of_host(reader.host)
    sizes = {finding.evidence.get("pool_size") for finding in reader.findings() if finding.rule == best_pool_size.RULE}
    if len(sizes) == 1 and isinstance(size := sizes.pop(), int):
        found |= {"pool_size": size, "pool_status": f"measured: run {reader.run_id}"}
    return found


def _of_host(host: HostSummary) -> dict[str, int | str]:
    cores, memory = usable(host)
    found: dict[str, int | str] = {"cores": cores, "memory_bytes": memory}
    descriptors = descriptors_of(host)
    return found if descriptors is None else found | {"descriptors": descriptors}


def verify(configuration: Configuration, where: Where) -> Verified:
    """Start scratch servers with the file and read every setting back; raises ``SetupError`` if one does not start."""
    text = render_configuration(configuration)
    if configuration.target == "postgresql":
        with scratch_server(where, text) as server:
            settings = read_back_server(server, configuration.settings)
            return Verified({"postgresql": str(server.version)}, settings)
    with scratch_server(where, "") as server, scratch_pooler(where, server, text) as pooler:
        answered = ask_through(pooler, server)
        versions = {"postgresql": answered, "pgbouncer": ".".join(map(str, pooler.version))}
        return Verified(versions, read_back_pooler(pooler, configuration.settings))
