"""Gives Envoy what the operator sends, and takes back what Envoy does not take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from paceline.agent import metrics
from paceline.agent.errors import ProxyGone
from paceline.agent.files import Folder, take
from paceline.agent.held import Addresses, Held, Numbered, Refused
from paceline.agent.proxy import Proxy, Updates
from paceline.agent.remote import rest
from paceline.agent.words import Words
from paceline.gateway.envoy import denials
from paceline.gateway.ir import Denied
from paceline.gateway.snapshot import Program
from paceline.gateway.steps import CLUSTERS, Step, endpoints, steps, watched

log = logging.getLogger(__name__)

PEERS, DENY = "peers.json", "deny.json"
#: Envoy notices a change of these within milliseconds; others it reads every few seconds, and they are waited for by
#: nobody, because a revoked key may be in the next program.
_WATCHED = frozenset({"cds.json", "rds.json", DENY})
#: Until Envoy has looked at a file; much longer than it takes, for machines that are busy.
_LOOK_SECONDS = 10.0
#: Until new clusters have their first addresses and health checks; those without go on without.
_WARM_SECONDS = 3.0
_POLL_SECONDS = 0.01
#: Envoy's log is flushed ten times a second.
_WORDS_SECONDS = 1.0
#: Between looks at Envoy.
_WATCH_SECONDS = 0.5


class Programmer:
    """Keeps Envoy's files.

    Args:
        folder: Envoy's files.
        held: What is held.
        proxy: Envoy.
        words: Envoy's log.
        denied: Tells who gets nothing now, besides what is in a program.
        changed: Called when there is something new to report.
        moved: Called with the places of addresses that are others now.
    """

    def __init__(
        self,
        folder: Folder,
        held: Held,
        proxy: Proxy,
        words: Words,
        denied: Callable[[Program], tuple[Denied, ...]],
        changed: Callable[[], None],
        moved: Callable[[Iterable[str]], None],
    ) -> None:
        self._folder = folder
        self._held = held
        self._proxy = proxy
        self._words = words
        self._denied = denied
        self._changed = changed
        self._denying: tuple[Denied, ...] | None = None
        self._coming: Program | None = None
        self._moved = moved
        self._offered: Numbered | None = None
        self._before: Numbered | None = None
        self._news = asyncio.Event()
        self._files: frozenset[str] = frozenset()
        self._note()
        self._baseline: Mapping[str, Updates] = {}
        #: Envoy's files are all there.
        self.written = False
        #: Envoy serves, as far as was seen last.
        self.live = False

    @property
    def serving(self) -> int:
        """Generation that Envoy serves; 0 for none."""
        held, refused = self._held.program, self._held.refused
        if not (self.live and held) or (refused and refused.generation == held.generation):
            return 0
        return held.generation

    @property
    def known(self) -> tuple[int, str]:
        """Generation and digest of the latest program that was offered."""
        offered = self._offered
        return max(self._held.known, (offered.generation, offered.digest) if offered else (0, ""))

    def offer(self, numbered: Numbered) -> bool:
        """Take a program, of which only the latest matters; False for one that is not later than the one before."""
        if numbered.generation <= self.known[0]:
            return False
        self._offered = numbered
        self._note()
        self._news.set()
        return True

    def decline(self, refused: Refused) -> None:
        """Remember a program that cannot be read here; what is held serves on.

        Raises:
            OSError: it cannot be kept.
        """
        if refused.generation > self.known[0]:
            self._held.refuse(refused)
            metrics.rejected_total.inc()
            log.error("generation %d cannot be read: %s", refused.generation, refused.words)
            self._changed()

    def restore(self) -> None:
        """Put the files there that are held, whatever an agent before left half done.

        Raises:
            OSError: they cannot be written.
        """
        held = self._held.program
        if held and not self.written and not self._missing(held.program):
            self._write(self._folder.present(), self._wanted(held.program))
            self.written = True
            self._changed()

    def move(self, addresses: Addresses) -> None:
        """Take addresses; they are no part of a program, and true from whoever says them.

        It costs as much as changes, however many pods and routes there are.

        Raises:
            ValueError: they are a change of others than are held.
            OSError: they cannot be written or kept.
        """
        change = self._held.difference(addresses)
        self._folder.write({place: text for place, text in change.files.items() if place in self._files})
        if change.gone:
            named = watched({CLUSTERS: take(self._folder.path / CLUSTERS) or ""})
            self._folder.remove(place for place in change.gone if place not in named)
        self._held.move(change)  # last: what could not be written for Envoy is told again
        self._moved(change.files)
        self._news.set()

    def deny(self) -> None:
        """Put the deny list there that holds now.

        Raises:
            OSError: it cannot be written.
        """
        if self.written and (program := self._present()) and self._denied(program) != self._denying:
            self._folder.write({DENY: self._deny_list(program)})

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            self._news.clear()
            try:
                await self._watch()
                self.restore()
                await self._advance()
            except ProxyGone:
                self.live = False
            except OSError as error:
                metrics.failures_total.labels("Files").inc()
                log.error("files cannot be written: %s; free the memory of volume files", error.strerror)
            await rest(_WATCH_SECONDS, self._news)

    async def _advance(self) -> None:
        offered, held = self._offered, self._held.program
        if offered is None or self._missing(offered.program):
            return
        if held is None:
            self._held.keep(offered)
            self._held.refuse(None)
            self.restore()
            self._done(offered)
        elif self.live:
            await self._exchange(offered, held)

    async def _exchange(self, offered: Numbered, held: Numbered) -> None:
        self._coming = offered.program
        try:
            words = await self._apply(self._folder.present(), self._wanted(offered.program))
        finally:
            self._coming = None
        if words:
            self._write(self._folder.present(), self._wanted(held.program))
            self._refuse(offered, words)
        else:
            self._before = held
            self._held.keep(offered)
            self._held.refuse(None)
            log.info("Envoy serves generation %d", offered.generation)
        self._done(offered)
        self.deny()
        self._baseline = await self._proxy.updates()

    def _refuse(self, offered: Numbered, words: str) -> None:
        self._held.refuse(Refused(offered.generation, offered.digest, words))
        metrics.rejected_total.inc()
        log.error("Envoy does not take generation %d: %s. The one before serves.", offered.generation, words)

    def _done(self, offered: Numbered) -> None:
        if self._offered is offered:
            self._offered = None
        self._note()
        self._changed()

    async def _apply(self, old: Mapping[str, str], new: Mapping[str, str]) -> str:
        """Exchange files step by step.

        Returns:
            Envoy's words against it; "" where it took everything.
        """
        for step in steps(old, new):
            mark, before = self._words.mark(), await self._proxy.updates()
            self._carry_out(step)
            if words := await self._verdict(step, before, mark):
                return words
            if CLUSTERS in step.write:
                await self._warm()
        return ""

    async def _verdict(self, step: Step, before: Mapping[str, Updates], mark: int) -> str:
        watched = _WATCHED & step.write.keys()
        end = asyncio.get_running_loop().time() + _LOOK_SECONDS
        while watched:
            now = await self._proxy.updates()
            if refused := _refused(before, now, step.write):
                return await self._spoken(mark, refused)
            if all(now[place].attempt > before[place].attempt for place in watched):
                break
            if asyncio.get_running_loop().time() > end:
                return f"Envoy did not look at {', '.join(sorted(watched))} within {_LOOK_SECONDS:g} s."
            await asyncio.sleep(_POLL_SECONDS)
        return ""

    async def _spoken(self, mark: int, places: list[str]) -> str:
        end = asyncio.get_running_loop().time() + _WORDS_SECONDS
        while not (words := self._words.since(mark)):
            if asyncio.get_running_loop().time() > end:
                return f"{', '.join(places)} is not taken, and nothing is said about it."
            await asyncio.sleep(_POLL_SECONDS)
        return f"{', '.join(places)}: {words}"

    async def _warm(self) -> None:
        for _ in range(int(_WARM_SECONDS / _POLL_SECONDS)):
            if not await self._proxy.warming():
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _watch(self) -> None:
        """See whether Envoy serves, and whether it took what nobody waited for."""
        live, serving = await self._proxy.live(), self.serving
        self.live = live
        held = self._held.program
        if live and held:
            try:
                now = await self._proxy.updates()
                if never := [place for place, each in now.items() if not each.success and each.rejected + each.failure]:
                    await self._condemn(held, never)
                elif late := _refused(self._baseline, now, self._baseline):
                    await self._condemn(held, late)
                self._baseline = now
            except ProxyGone:
                self.live = False
        if self.serving != serving:
            self._changed()

    async def _condemn(self, held: Numbered, places: list[str]) -> None:
        """What seemed to be taken is not: what was before it comes back, where that is known."""
        known = self._held.refused
        if known and known.generation >= held.generation:
            return
        words = await self._spoken(0, places)
        if self._before is not None:
            self._write(self._folder.present(), self._wanted(self._before.program))
            self._held.keep(self._before)
            self._note()
        self._refuse(held, words)
        self._changed()

    def _carry_out(self, step: Step) -> None:
        write = dict(step.write)
        if self._coming and DENY in write:  # the ledger may have said something since the steps were made
            write[DENY] = self._deny_list(self._coming)
        self._folder.write(write)
        self._folder.remove(step.remove)

    def _write(self, old: Mapping[str, str], new: Mapping[str, str]) -> None:
        for step in steps(old, new):
            self._carry_out(step)

    def _wanted(self, program: Program) -> dict[str, str]:
        found = self._held.addresses.files
        named = watched(program.files) | {PEERS}
        moved = {place: text for place, text in found.items() if place in named}
        return {**program.files, DENY: self._deny_list(program), **moved}

    def _present(self) -> Program | None:
        """The program that is being put there, or is there."""
        return self._coming or (self._held.program.program if self._held.program else None)

    def _deny_list(self, program: Program) -> str:
        """The file, which is written now."""
        self._denying = self._denied(program)
        metrics.denied(self._denying)
        return denials(self._denying)

    def _note(self) -> None:
        """Which addresses Envoy may read from files now: a change of others writes none."""
        programs = [each.program for each in (self._held.program, self._offered) if each]
        self._files = frozenset({PEERS}).union(*(watched(each.files) for each in programs))

    def _missing(self, program: Program) -> frozenset[str]:
        return (endpoints(program.files) | {PEERS}) - self._held.addresses.files.keys()


def _refused(before: Mapping[str, Updates], now: Mapping[str, Updates], places: Mapping[str, object]) -> list[str]:
    """Those of some places that Envoy has refused since then."""
    return sorted(
        place
        for place in places
        if place in now and now[place].rejected + now[place].failure > before[place].rejected + before[place].failure
    )
