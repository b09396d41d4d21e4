"""The store as the event loop sees it: calls in threads, and since when it cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from paceline.ledger.errors import StoreFull, StoreUnavailable
from paceline.ledger.service import metrics
from paceline.ledger.store import Store

P = ParamSpec("P")
T = TypeVar("T")

#: Writers wait for each other in the database anyway; more threads would only hold more connections.
_WRITERS = 4
_READERS = 4


class Access:
    """Reads and writes a store.

    Args:
        store: The ledger's.
        now_us: Clock, microseconds since 1970.
    """

    def __init__(self, store: Store, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us
        self._writers = ThreadPoolExecutor(_WRITERS, "ledger-write")
        self._readers = ThreadPoolExecutor(_READERS, "ledger-read")
        # A full disk can still be read: only writing tells that it is well again.
        self._gone: dict[ThreadPoolExecutor, int] = {}

    @property
    def gone_us(self) -> int | None:
        """For how long the store could not be read, or not be written; None: it could."""
        return self._now_us() - min(self._gone.values()) if self._gone else None

    @property
    def unreadable(self) -> bool:
        """Whether the store could not be read at the last try."""
        return self._readers in self._gone

    @property
    def unwritable(self) -> bool:
        """Whether the store could not be written at the last try."""
        return self._writers in self._gone

    async def read(self, call: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something that reads.

        Raises:
            StoreUnavailable: the database failed.
        """
        return await self._run(self._readers, lambda: call(self._store, *args, **kwargs))

    async def write(self, call: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something that writes; it goes on to its end even if nobody waits for it any more.

        Raises:
            StoreFull, StoreUnavailable: the database failed.
        """
        return await self._run(self._writers, lambda: call(self._store, *args, **kwargs))

    async def _run(self, threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        try:
            result = await asyncio.get_running_loop().run_in_executor(threads, call)
        except (StoreFull, StoreUnavailable) as error:
            metrics.store_failures_total.labels(error.reason).inc()
            self._gone.setdefault(threads, self._now_us())
            raise
        self._gone.pop(threads, None)
        return result

    def close(self) -> None:
        """Wait for what is being written, and close the store."""
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._store.close()
