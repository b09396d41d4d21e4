"""TTFT, TPOT, and which requests meet their objective: the one definition, for ledger, load tests and simulator.

- TTFT: from the arrival of the request to the first byte of the answer's body.
- TPOT: (last byte - first byte) / (output tokens - 1). Of one token there is none.
- Total time: TTFT + TPOT x (output tokens - 1).
- Good: streamed, TTFT and TPOT are within their targets; not streamed, the whole answer took at most
  TTFT target + TPOT target x (output tokens - 1). A target that is not given is met.
- Attainment: good / eligible. Not eligible are requests that a person reviews, copies, test requests, the caller's own
  4xx, and requests that their client gave up before the TTFT target had passed. Errors, time-outs and shed requests are
  eligible and bad.

An attempt stands for its request on its revision: where the request was sent once more to the same revision, only the
last attempt there is judged; where it went on to another backend, the revision that failed it has a bad request.
All times are whole microseconds, so that a comparison with a target is exact.
"""

from __future__ import annotations

from typing import Protocol

from paceline.api.record import Outcome, Purpose


class Measured(Protocol):
    """What is judged of an attempt: api.record.Record, or what a load test saw of a request."""

    @property
    def purpose(self) -> Purpose:
        """Whom it was for."""

    @property
    def outcome(self) -> Outcome:
        """How it ended."""

    @property
    def superseded(self) -> bool:
        """Sent once more to the same revision."""

    @property
    def streamed(self) -> bool:
        """Asked for as a stream."""

    @property
    def ttft_us(self) -> int | None:
        """First byte of the body since the arrival; None without one."""

    @property
    def last_us(self) -> int | None:
        """Last byte of the body since the arrival; None without one."""

    @property
    def duration_us(self) -> int:
        """End since the arrival."""

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer."""

    @property
    def ttft_target_us(self) -> int | None:
        """None without one."""

    @property
    def tpot_target_us(self) -> int | None:
        """None without one."""


def tpot_us(request: Measured) -> int | None:
    """Microseconds per output token after the first, rounded down; None without a second token."""
    if request.ttft_us is None or request.last_us is None or request.output_tokens < 2:
        return None
    return (request.last_us - request.ttft_us) // (request.output_tokens - 1)


def eligible(request: Measured) -> bool:
    """Whether the request counts for the objective."""
    if request.purpose is not Purpose.USER or request.superseded or request.outcome is Outcome.REFUSED:
        return False
    if request.outcome is Outcome.ABORTED:
        return request.ttft_target_us is not None and request.duration_us >= request.ttft_target_us
    return True


def good(request: Measured) -> bool:
    """Whether an eligible request met every target.

    Who leaves after the TTFT target has passed is judged by what was delivered until then.
    """
    if not eligible(request) or request.outcome not in {Outcome.COMPLETED, Outcome.ABORTED}:
        return False
    return _stream_in_time(request) if request.streamed else _whole_in_time(request)


def _stream_in_time(request: Measured) -> bool:
    if request.ttft_us is None or request.last_us is None:
        return False
    first = request.ttft_target_us is None or request.ttft_us <= request.ttft_target_us
    spent, gaps = request.last_us - request.ttft_us, request.output_tokens - 1
    return first and (request.tpot_target_us is None or gaps < 1 or spent <= request.tpot_target_us * gaps)


def _whole_in_time(request: Measured) -> bool:
    gaps = max(request.output_tokens - 1, 0)
    if request.ttft_target_us is None or (request.tpot_target_us is None and gaps):
        return True  # half of the sum is not bounded, so none of it is
    return request.duration_us <= request.ttft_target_us + (request.tpot_target_us or 0) * gaps
