"""How an operation may end, as ``bench.load.attempts`` has it, in blocking calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from bench.load.attempts import is_worth_retrying, pauses_s
from bench.model.ports import NotRefused
from bench.model.sample import Outcome

if TYPE_CHECKING:
    from collections import Counter

    from bench.load.attempts import Classify
    from bench.load.swarm.pool import Act
    from bench.model.ports import Arguments
    from bench.model.retry import Retry
    from bench.model.scenario import Operation


def attempt(operation: Operation, act: Act, classify: Classify, retries: Counter[str]) -> Act:
    """Return ``act`` as the operation wants it to end; see ``bench.load.attempts.attempt``."""
    if operation.expect == "constraint":
        return _refused(act, classify)
    if operation.retry is not None:
        return _retried(operation.name, operation.retry, act, classify, retries)
    return act


def _refused(act: Act, classify: Classify) -> Act:
    def expect_refusal(connection: object, arguments: Arguments) -> int:
        try:
            act(connection, arguments)
        except Exception as error:
            if classify(error) is Outcome.CONSTRAINT:
                return 1
            raise
        raise NotRefused

    return expect_refusal


def _retried(name: str, retry: Retry, act: Act, classify: Classify, retries: Counter[str]) -> Act:
    pauses = pauses_s(retry)

    def try_again(connection: object, arguments: Arguments) -> int:
        for pause_s in pauses:
            try:
                return act(connection, arguments)
            except Exception as error:
                if not is_worth_retrying(retry, classify(error)):
                    raise
            retries[name] += 1
            gevent.sleep(pause_s)
        return act(connection, arguments)

    return try_again
