"""Hosts made of network namespaces: each with its own addresses, behind a link with a delay."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RELAY = """
import asyncio, sys

async def pour(reader, writer, delay_s):
    loop, sent = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver():
        while True:
            due, data = await sent.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                return writer.close()
            writer.write(data)

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(65536):
            sent.put_nowait((loop.time() + delay_s, data))
    except ConnectionError:
        pass
    sent.put_nowait((loop.time() + delay_s, b""))
    await delivery

async def main(host, delay_s, ports):
    async def relay(port):
        async def serve(reader, writer):
            try:
                there, back = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                return writer.close()
            await asyncio.gather(pour(reader, back, delay_s), pour(there, writer, delay_s))

        return await asyncio.start_server(serve, host, 0)

    servers = [await relay(port) for port in ports]
    print(*[server.sockets[0].getsockname()[1] for server in servers], flush=True)
    await asyncio.Event().wait()

asyncio.run(main(sys.argv[1], float(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
"""
"""Carries what the host asks for to this machine's loopback, which is another one in each namespace, and delays it on
the way. The kernel could delay it too (tc netem), where its module is there, which in many containers it is not."""


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def why_not() -> str | None:
    """Return why no namespace can be made here; None where one can."""
    if shutil.which("ip") is None:
        return "`ip` is not installed (package iproute2)"
    name = f"pb-try-{os.getpid()}"
    tried = _ip("netns", "add", name)
    if tried.returncode:
        return f"network namespaces need root: {tried.stderr.strip()}"
    _ip("netns", "del", name)
    return None


@dataclass(frozen=True)
class Host:
    """A namespace, the address under which it sees this machine, and the ports that are relayed there."""

    namespace: str
    link: str
    master: str
    ports: tuple[int, ...]

    def unplug(self) -> None:
        """Take the link down: nothing gets through any more, and nobody is told."""
        subprocess.run(["ip", "link", "set", self.link, "down"], check=True)

    def command(self, *command: str) -> list[str]:
        """Return the command as it runs on this host."""
        return ["ip", "netns", "exec", self.namespace, *command]


@contextlib.contextmanager
def host(number: int, delay_s: float, *ports: int) -> Iterator[Host]:
    """Make a host ``delay_s`` away in each direction, which reaches these ports of our loopback."""
    namespace, link = f"pb{number}-{os.getpid()}", f"pb{number}h{os.getpid() % 100_000}"
    ours, theirs = f"10.213.{number}.1", f"10.213.{number}.2"
    with contextlib.ExitStack() as undo:
        subprocess.run(["ip", "netns", "add", namespace], check=True)
        undo.callback(_ip, "netns", "del", namespace)
        inside = ["ip", "netns", "exec", namespace]
        peer = f"{link}p"
        for command in (
            ["ip", "link", "add", link, "type", "veth", "peer", "name", peer, "netns", namespace],
            ["ip", "addr", "add", f"{ours}/24", "dev", link],
            ["ip", "link", "set", link, "up"],
            [*inside, "ip", "addr", "add", f"{theirs}/24", "dev", peer],
            [*inside, "ip", "link", "set", peer, "up"],
            [*inside, "ip", "link", "set", "lo", "up"],
        ):
            subprocess.run(command, check=True)
        undo.callback(_ip, "link", "del", link)
        relay = undo.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", RELAY, ours, str(delay_s), *map(str, ports)], stdout=subprocess.PIPE, text=True
            )
        )
        undo.callback(relay.kill)
        assert relay.stdout is not None
        yield Host(namespace, link, ours, tuple(int(port) for port in relay.stdout.readline().split()))
