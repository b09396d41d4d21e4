"""A fetch from beginning to end: look every source up, bring what is to be brought, report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from paceline.api.resolved import Resolved
from paceline.api.source import Report, Source, folder_of
from paceline.fetch import lock
from paceline.fetch.deliver import Delivery
from paceline.fetch.order import Order
from paceline.fetch.patience import Patience, Stop
from paceline.fetch.places import normal, place
from paceline.fetch.progress import gigabytes, say
from paceline.fetch.reasons import Interrupted, failure
from paceline.fetch.resolve import Lookup
from paceline.fetch.secret import Redactor


@dataclass(slots=True)
class Fetch:
    """One run of an order."""

    order: Order
    stop: Stop = field(default_factory=Stop)
    redact: Redactor = field(default_factory=Redactor)
    tell: Callable[[str], None] = say
    pace: lock.Pace = field(default_factory=lock.Pace)
    #: Seconds of the first pause after a failure.
    unit: float = 1.0

    def run(self) -> Report:
        """Do it. Nothing is raised: what goes wrong is the report's failure."""
        found: dict[str, Resolved] = {}
        name = ""
        try:
            for source in self.order.sources:
                name = source.name
                found[name] = self._one(source)
        except (Exception, Interrupted) as error:  # noqa: BLE001 - the report is the only thing that anybody sees
            said = failure(error)
            message = self.redact(f"{name}: {said.message}" if len(self.order.sources) > 1 else said.message)
            return Report(failure=said.model_copy(update={"message": message[:1024]}))
        return Report(found=found)

    def _one(self, source: Source) -> Resolved:
        expected = self.order.chat_template if source.name == "base" else None
        with closing(place(source, self.redact)) as there:
            into = self.order.into if there.remote else None
            if into and source.commit and (known := self._delivery(source, into, source.commit).already(source.commit)):
                self._say(f"{source.name}: is there already")
                return known
            patience = Patience(self.stop, self.unit)
            lookup = Lookup(normal(source), there, patience, expected).find()
            resolved = lookup.resolved
            self._say(
                f"{source.name}: {resolved.commit}, {gigabytes(resolved.bytes)} in {len(lookup.needed.files)} files"
            )
            return self._delivery(source, into, resolved.commit).bring(there, lookup, patience) if into else resolved

    def _delivery(self, source: Source, into: Path, commit: str) -> Delivery:
        """To the folder of the source; on a shared volume each commit has one of its own."""
        name = folder_of(source, commit) if self.order.shared else source.name
        return Delivery(source.model_copy(update={"name": name}), into, self.pace, self._say)

    def _say(self, line: str) -> None:
        self.tell(self.redact(line))
