"""How the program ends when it is told to: once in good order, at once if it is told again and again."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_terminals: list[int] = []
_PATIENCE: Final = 2
"""How often more the user has to insist before what is being put in order is left as it is."""


def obey_signals() -> None:
    """End politely by Ctrl-C, `kill` and a closed terminal alike; a signal that is ignored (`nohup`) stays so."""
    _terminals[:] = [number for number in (1, 2) if os.isatty(number)]  # one that was closed is none any more
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def ignore_signals() -> None:
    """Let nothing change the exit code any more: all is in order, and the interpreter takes a while to leave."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: object) -> None:
    del frame
    if number == signal.SIGHUP:
        _leave_terminal()
    insisted = [0]

    def insist(number: int, frame: object) -> None:
        del frame
        insisted[0] += 1
        if number == signal.SIGHUP:
            _leave_terminal()
        if insisted[0] >= _PATIENCE:
            raise KeyboardInterrupt
        with contextlib.suppress(OSError):
            os.write(2, b"ending in good order; once more leaves everything as it is (nothing finished is lost)\n")

    for each in _ENDING:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, insist)
    raise KeyboardInterrupt


def _leave_terminal() -> None:
    """Write nowhere from now on: the terminal is gone, and a word to it would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in _terminals:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
