"""Workers: take a key, reconcile it, and read from the error's type what happens next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from paceline import metrics
from paceline.errors import PacelineError, TooManyRequests
from paceline.kube.probes import Health
from paceline.kube.queue import KeyedQueue
from paceline.kube.resources import Key
from paceline.reconcile.outcome import Outcome
from paceline.settings import boottime

log = logging.getLogger(__name__)

Reconcile = Callable[[Key], Awaitable[Outcome]]

#: One reconcile is at most about ten requests of 30 s; more than this and the worker is let go of it.
RECONCILE_SECONDS = 120.0
_BEAT_SECONDS = 10.0


async def work(kind: str, queue: KeyedQueue[Key], reconcile: Reconcile, allowed: Callable[[], bool]) -> None:
    """Serve one queue until cancelled or until it is closed.

    Keys taken while not `allowed` (this process does not lead) are dropped: the whole list is queued when it leads.
    """
    depth, wait = metrics.queue_depth.labels(kind), metrics.queue_wait_seconds.labels(kind)
    while True:
        key, waited = await queue.get()
        depth.set(len(queue))
        if not allowed():
            queue.done(key)
            continue
        wait.observe(waited)
        begun = boottime()
        outcome = Outcome("cancelled")
        try:
            outcome = await guarded(kind, key, reconcile)
        finally:
            queue.done(key, failed=outcome.failed, again_after=outcome.again_after)
            metrics.reconcile_seconds.labels(kind).observe(boottime() - begun)
            metrics.reconcile_total.labels(kind, outcome.result).inc()


async def guarded(kind: str, key: Key, reconcile: Reconcile) -> Outcome:
    """One reconcile whose errors have become an outcome and a log line."""
    who = {"kind": kind, "namespace": key.namespace, "name_of": key.name}
    try:
        async with asyncio.timeout(RECONCILE_SECONDS):
            return await reconcile(key)
    except TooManyRequests as error:
        log.info("%s", error, extra={**who, "reason": error.reason})
        return Outcome(error.reason, again_after=error.retry_after, failed=True)
    except PacelineError as error:
        log.log(logging.getLevelName(error.level), "%s", error, extra={**who, "reason": error.reason})
        return Outcome(error.reason, failed=error.retry)
    except TimeoutError:
        log.warning("the reconcile took more than %.0f s", RECONCILE_SECONDS, extra={**who, "reason": "Timeout"})
        return Outcome("Timeout", failed=True)
    except Exception:  # a bug of ours: one object suffers, the operator goes on
        log.exception("the reconcile failed in a way that it should not", extra={**who, "reason": "Bug"})
        return Outcome("Bug", failed=True)


async def beat(health: Health, queues: Collection[KeyedQueue[Key]]) -> None:
    """Tell the probes that the loop turns, and that workers take what is queued."""
    while True:
        health.beat("loop")
        if not any(queue.stuck(RECONCILE_SECONDS + 2 * _BEAT_SECONDS) for queue in queues):
            health.beat("workers", RECONCILE_SECONDS)
        await asyncio.sleep(_BEAT_SECONDS)
