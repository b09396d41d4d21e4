"""A few things at once, where the first failure or the end of the process ends all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from paceline.fetch.patience import Stop
from paceline.fetch.reasons import Interrupted

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Iterable[Item], at_once: int, stop: Stop) -> list[Result]:
    """Call a function for every item.

    Args:
        function: What is called; it looks at `stop` now and then.
        items: One call for each.
        at_once: Most calls at a time.
        stop: Is set when one fails, so that the others end. Nobody waits for them: one may hang in a read.

    Returns:
        The results, in the order of the items.

    Raises:
        BaseException: the first failure.
    """
    pool = ThreadPoolExecutor(at_once)
    try:
        futures = [pool.submit(function, item) for item in items]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        errors = [error for future in done if (error := future.exception())]
        for error in sorted(errors, key=lambda one: isinstance(one, Interrupted)):
            raise error
        return [future.result() for future in futures]
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
