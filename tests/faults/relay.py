"""A proxy that can lose connections and be slow."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from bench.model.endpoint import Endpoint

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset instead of an end."""


class Relay:
    """Passes bytes on to a server, as a context."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._upstream = (endpoint.host, endpoint.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.delay_s = 0.0

    @property
    def port(self) -> int:
        """Where to connect instead."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.reset()

    def reset(self) -> None:
        """Lose every connection that is open."""
        with self._lock:
            lost, self._open = self._open, []
        for one in lost:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                one.shutdown(socket.SHUT_RD)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream)
                with self._lock:
                    self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
