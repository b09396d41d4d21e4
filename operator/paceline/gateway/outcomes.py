"""How a request or an attempt ended, by what the proxy says of its end."""

from __future__ import annotations

from paceline.api.record import Outcome
from paceline.gateway.envoy.bootstrap import ADAPTER, AGENT
from paceline.gateway.lines import Line

#: The client left: its connection, or its stream within one.
_LEFT = frozenset({"DC", "DR"})
#: Codes of refusals for want of an engine; all others are for what the caller has used up or may not do.
_CROWDED = frozenset({"queue_full", "queue_timeout"})
#: What a server says against a request that is wrong in itself. Its other 4xx are about what we sent with it: the
#: credential, the model's name, the address.
_CALLERS = frozenset({400, 413, 415, 422})


def alone(line: Line) -> bool:
    """The gateway answered by itself; the list of models too, which is in no other server's gift."""
    return line.attempts == 0 or line.cluster in {AGENT, ADAPTER}


def of_request(line: Line) -> Outcome:
    """How a request ended.

    Args:
        line: Its last.
    """
    if _LEFT & set(line.flags.split(",")):
        return Outcome.ABORTED
    if alone(line):
        return _by_itself(line)
    if line.details == "via_upstream":
        return _by_server(line.code)
    if line.first_byte_us is not None and 0 < line.code < 400:
        return Outcome.RESET
    return Outcome.FAILED


def of_attempt(line: Line) -> Outcome:
    """How an attempt ended after which there was another one."""
    return Outcome.SHED if line.code == 429 else Outcome.FAILED


def _by_itself(line: Line) -> Outcome:
    if line.details == "overload" or line.refusal in _CROWDED:
        return Outcome.SHED
    if line.code == 0 or line.code >= 500:
        return Outcome.FAILED
    return Outcome.REFUSED if line.code >= 400 else Outcome.COMPLETED


def _by_server(code: int) -> Outcome:
    # A server that sends elsewhere, or wants to speak something else, has given no answer.
    if 200 <= code < 300:
        return Outcome.COMPLETED
    if code == 429:
        return Outcome.SHED
    return Outcome.REFUSED if code in _CALLERS else Outcome.FAILED
