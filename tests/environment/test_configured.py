"""Generated files start real servers, and what they say is in force there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import psutil
import pytest

from bench.analysis.configuration.inputs import Inputs
from bench.analysis.configuration.pgbouncer import recommend_pgbouncer
from bench.analysis.configuration.postgresql import recommend_postgresql
from bench.analysis.configuration.setting import GIB
from bench.environment.configured import ask_through, read_back_pooler, read_back_server, scratch_pooler, scratch_server
from bench.model.errors import SetupError
from bench.report.configuration import render_configuration

if TYPE_CHECKING:
    from bench.environment.embedded import Where

pytestmark = pytest.mark.pg

# With every group of settings in it: four cores and more, locks, several processes.
MACHINE = Inputs(cores=8, memory_bytes=2 * GIB, relations=100, data_bytes=GIB, wal_disk_bytes=5 * GIB)


def test_a_generated_server_configuration_is_in_force_on_each_version(any_place: Where) -> None:
    configuration = recommend_postgresql(MACHINE)
    with scratch_server(any_place, render_configuration(configuration)) as server:
        read = read_back_server(server, configuration.settings)
        other = [msgspec.structs.replace(configuration.settings[0], value="77")]
        unknown = [msgspec.structs.replace(configuration.settings[0], name="no_such")]
        doubts = [entry.doubt for entry in read_back_server(server, (*other, *unknown))]
        pid = server.pid
    assert [entry.name for entry in read] == [setting.name for setting in configuration.settings]
    assert {entry.doubt for entry in read} == {""}
    assert doubts == ["another value is in force", "the server has no such setting"]
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert not list(any_place.state_root.glob("pg*-scratch*"))


def test_a_generated_pooler_configuration_is_in_force_and_serves(place: Where) -> None:
    configuration = recommend_pgbouncer(msgspec.structs.replace(MACHINE, processes=2, pools=2, budget_s=0.1))
    text = render_configuration(configuration)
    with scratch_server(place, "") as server, scratch_pooler(place, server, text) as pooler:
        read = read_back_pooler(pooler, configuration.settings)
        other = (msgspec.structs.replace(configuration.settings[-1], value="77"),)
        (wrong,) = read_back_pooler(pooler, other)
        assert ask_through(pooler, server)
    assert {entry.doubt for entry in read} == {""}
    assert {"pool_mode", "default_pool_size", "max_client_conn", "so_reuseport"} <= {entry.name for entry in read}
    assert wrong.doubt == "another value is in force"


def test_a_file_that_no_server_takes_is_an_error_with_the_servers_words(place: Where) -> None:
    with pytest.raises(SetupError, match="did not start"), scratch_server(place, "work_mem = 'much'\n"):
        pass
