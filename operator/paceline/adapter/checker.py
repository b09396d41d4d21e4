"""The processes that check."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

log = logging.getLogger(__name__)

#: Until a process has begun, which is no part of a check.
_START_SECONDS = 20.0


class Unchecked(Exception):  # noqa: N818 - it is an answer
    """An answer could not be checked within the time and the memory for it."""


class Checker:
    """Some processes, each for one check at a time.

    Args:
        workers: How many. They are started when they are needed.
        seconds: How long a check may take; then its process is ended.
    """

    def __init__(self, workers: int, seconds: float) -> None:
        self._seconds = seconds
        self._idle: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue()
        for _ in range(workers):
            self._idle.put_nowait(None)
        self._running: set[Process] = set()

    async def problem(self, schema: str, texts: list[str]) -> str:
        """What is wrong with the first text that does not match; "" where all do.

        Raises:
            Unchecked: it takes too long, or too much memory.
        """
        process, kept = await self._idle.get(), None
        try:
            process = await self._alive(process)
            found = await asyncio.wait_for(_check(process, schema, texts), self._seconds)
            kept = process
            return found
        except (TimeoutError, OSError, ValueError) as error:
            log.warning("a check was ended (%s)", type(error).__name__)
            raise Unchecked from None
        finally:
            if kept is None and process is not None:
                self._end(process)
            self._idle.put_nowait(kept)

    async def close(self) -> None:
        """End all processes."""
        for process in list(self._running):
            self._end(process)
            await process.wait()

    async def _alive(self, process: Process | None) -> Process:
        if process is not None and process.returncode is None:
            return process
        if process is not None:
            self._running.discard(process)
        arguments = (sys.executable, "-m", "paceline.adapter.worker")
        # What it says when it fails may quote an answer.
        started = await asyncio.create_subprocess_exec(*arguments, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self._running.add(started)
        try:
            await asyncio.wait_for(_check(started, "{}", ["0"]), _START_SECONDS)
        except BaseException:
            self._end(started)
            raise
        return started

    def _end(self, process: Process) -> None:
        self._running.discard(process)
        with suppress(ProcessLookupError):
            process.kill()


async def _check(process: Process, schema: str, texts: list[str]) -> str:
    """Ask a process.

    Raises:
        OSError: it is gone.
        ValueError: it ended before it answered.
    """
    writer, reader = process.stdin, process.stdout
    if writer is None or reader is None:
        raise OSError("the process has no pipes")
    writer.write(json.dumps([schema, texts]).encode() + b"\n")
    await writer.drain()
    return str(json.loads(await reader.readline()))
