"""What cannot be done.

    BenchError            problem, evidence, remedy; exit code
    ├── ScenarioError     the scenario or the command line asks for something impossible (exit 2)
    ├── SetupError        the environment could not be brought up or reached (exit 3)
    │   └── DriverMissing a driver's library is not installed (exit 3)
    └── StoreError        a result folder cannot be read or written (exit 3)

What the job *finds* (a failed operation, a doubt, a missed budget) is a value, never one of these.
Only ``bench.cli`` catches them and prints them once; anything else that reaches it is a bug and shows a traceback.
"""

from __future__ import annotations


class BenchError(Exception):
    """One sentence for the problem, what was seen, and what to do about it.

    ``problem`` names the path or key it speaks of; ``evidence`` is the fact it rests on (may be empty);
    ``remedy`` is one imperative sentence. None of the three ever holds a password or a full DSN.
    """

    exit_code = 3

    def __init__(self, problem: str, *, remedy: str, evidence: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.evidence = evidence
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join(part for part in (self.problem, self.evidence, self.remedy) if part)


class ScenarioError(BenchError):
    """The scenario file or a command-line value is not valid, or asks for an impossible combination."""

    exit_code = 2


class SetupError(BenchError):
    """A server, a pooler, the schema or the data could not be brought up or reached."""


class DriverMissing(SetupError):  # noqa: N818 - the name says what is missing, as the field does (httpx, psycopg)
    """The library behind a driver is not installed; the remedy is its install line."""


class StoreError(BenchError):
    """A result folder is missing, damaged, too new, or cannot be written."""
