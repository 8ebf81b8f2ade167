"""Running single revisions of any Alembic environment, by Alembic's own machinery, against one scratch database."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory

from bench.environment import migrations
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from alembic.config import Config

    from bench.model.endpoint import Endpoint


class StepFailed(Exception):  # noqa: N818 - it is what the audit finds, not an error of ours
    """A revision's own code, or the server it spoke to, gave up."""


class Steps:
    """The revisions of one environment."""

    def __init__(self, location: Path) -> None:
        self._location = location

    def heads(self) -> list[str]:
        """Return the newest revisions as Alembic sees them; raises ``StepFailed``."""
        with _failures():
            return sorted(ScriptDirectory.from_config(migrations.config(location=self._location)).get_heads())
        raise AssertionError("the block returns or raises")

    def check(self, endpoint: Endpoint) -> None:
        """Make sure, without changing anything, that env.py migrates the database it is given; ``SetupError`` if not.

        An env.py that takes its address from elsewhere would migrate that database instead of the scratch one.
        """
        reached: list[str] = []

        def look(_heads: Any, context: Any) -> list[Any]:
            reached.append(context.connection.exec_driver_sql("SELECT current_database()").scalar())
            return []

        try:
            self._run(endpoint, look, dont_mutate=True)
        except StepFailed as failure:
            raise SetupError(
                f"{self._location / 'env.py'} does not run",
                evidence=str(failure),
                remedy="It must run on its own; set PYTHONPATH if it imports your application.",
            ) from None
        if reached != [endpoint.dbname]:
            raise SetupError(
                f"{self._location / 'env.py'} does not migrate the database it is given",
                evidence=f"it connected to {', '.join(reached) or 'none'} instead; nothing was changed",
                remedy="Take the address from config `sqlalchemy.url`, as Alembic's own template does.",
            )

    def up(self, endpoint: Endpoint, revision: str) -> None:
        """Run the upgrade of one revision; raises ``StepFailed``."""
        self._run(endpoint, self._step(MigrationStep.upgrade_from_script, revision))

    def down(self, endpoint: Endpoint, revision: str) -> None:
        """Run the downgrade of one revision; raises ``StepFailed``."""
        self._run(endpoint, self._step(MigrationStep.downgrade_from_script, revision))

    def sql(self) -> str:
        """Render the SQL of the whole way up; needs no server. Raises ``StepFailed``."""
        output = io.StringIO()
        config = migrations.config(location=self._location, output=output)
        config.set_main_option("sqlalchemy.url", "postgresql+psycopg://")
        with _failures():
            command.upgrade(config, "heads", sql=True)
        return output.getvalue()

    def _config(self, endpoint: Endpoint) -> Config:
        config = migrations.config(endpoint.dsn(), location=self._location)
        url = endpoint.dsn().replace("postgresql://", "postgresql+psycopg://", 1)
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
        return config

    @staticmethod
    def _step(make: Callable[..., Any], revision: str) -> Callable[[Any, Any], list[Any]]:
        def steps(_heads: Any, context: Any) -> list[Any]:
            script = context.script
            return [make(script.revision_map, script.get_revision(revision))]

        return steps

    def _run(self, endpoint: Endpoint, steps: Callable[[Any, Any], list[Any]], **options: Any) -> None:
        with _failures(endpoint.password):
            config = self._config(endpoint)
            script = ScriptDirectory.from_config(config)
            with EnvironmentContext(config, script, fn=steps, **options):
                script.run_env()


@contextlib.contextmanager
def _failures(secret: str = "") -> Iterator[None]:
    """Turn whatever a revision raises into ``StepFailed`` with the server's words, never with the password."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a foreign revision's warnings are not ours to raise
            yield
    except Exception as error:  # noqa: BLE001 - foreign code runs here; whatever it raises is the evidence
        original = getattr(error, "orig", None) or error
        words = getattr(getattr(original, "diag", None), "message_primary", None) or str(original)
        told = " ".join(str(words).split()) or type(original).__name__
        raise StepFailed(told.replace(secret, "***") if secret else told) from None
