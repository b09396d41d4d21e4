"""One case against a real API server: apply, wait until all is quiet, look, go back to the seed, look again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from queue import SimpleQueue
from typing import Any

from paceline.kube.resources import BY_KIND, DEPLOYMENTS, JOBS, MODELDEPLOYMENTS, Resource
from tests.acto import oracles
from tests.acto.alarms import Alarm
from tests.acto.cases import Case
from tests.acto.children import picture
from tests.acto.lists import no_effect
from tests.acto.oracles import Answer, Sight
from tests.acto.rendered import rendered
from tests.acto.seeds import seeds
from tests.support.objects import Objects
from tests.support.product import condition
from tests.support.waiting import wait_until

#: Without a change of the model for so long, it is quiet. The operator waits 0.2 s for news of children.
QUIET_SECONDS = 1.2
#: The hard stop.
PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.15
#: Questions at a time.
_ASKING = 4


@dataclass
class Report:
    """What came of all cases.

    Attributes:
        ran: Cases that were tried.
        alarms: Against them.
        seconds: For all of them.
    """

    ran: list[Case] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    seconds: float = 0.0

    def of(self, *names: str) -> list[Alarm]:
        """The alarms of some oracles."""
        return [alarm for alarm in self.alarms if alarm.oracle in names]


def asked(objects: Objects, namespace: str, cases: tuple[Case, ...], resource: Resource = MODELDEPLOYMENTS) -> Report:
    """Only ask the API server what it would say to each case."""
    begun, report = time.monotonic(), Report(list(cases))
    with ThreadPoolExecutor(_ASKING) as pool:
        answers = pool.map(lambda case: _apply(objects, namespace, case.seed, case.spec, resource, dry=True), cases)
        for case, answer in zip(cases, answers, strict=True):
            report.alarms += oracles.admission(case, answer)
    report.seconds = time.monotonic() - begun
    return report


def asked_of_children(objects: Objects, namespace: str, cases: tuple[Case, ...]) -> Report:
    """Only ask the API server what it would say to the Job and the Deployment of each case that is carried out."""
    begun, report = time.monotonic(), Report(list(cases))
    made = [(case, rendered(case.seed, case.spec, namespace)) for case in cases]
    wanted = [(case, _with_pods(each.manifests)) for case, each in made if not each.problem]
    with ThreadPoolExecutor(_ASKING) as pool:
        answers = pool.map(lambda pair: _dry_children(objects, namespace, pair[1]), wanted)
        for (case, _), answer in zip(wanted, answers, strict=True):
            report.alarms += oracles.child(case, answer)
    report.seconds = time.monotonic() - begun
    return report


def tried(objects: Objects, namespaces: tuple[str, ...], cases: tuple[Case, ...]) -> Report:
    """Carry out each case, several at a time, each in the namespace of its worker."""
    begun, report = time.monotonic(), Report(list(cases))
    free: SimpleQueue[_Place] = SimpleQueue()
    for namespace in namespaces:
        free.put(_Place(objects, namespace))

    def one(case: Case) -> list[Alarm]:
        place = free.get()
        try:
            found = place.carry_out(case)
        finally:
            free.put(place)
        for alarm in found:  # at once, because the whole takes long
            print(f"acto: alarm: {alarm}"[:1000], flush=True)
        return found

    with ThreadPoolExecutor(len(namespaces)) as pool:
        report.alarms += chain.from_iterable(pool.map(one, cases))
    report.seconds = time.monotonic() - begun
    return report


class _Place:
    """A namespace with at most one model of each seed."""

    def __init__(self, objects: Objects, namespace: str) -> None:
        self._objects, self._namespace = objects, namespace
        self._seeded: dict[str, Sight] = {}

    def carry_out(self, case: Case) -> list[Alarm]:
        """Change the seed's object, look, and change it back."""
        before = self._seeded.get(case.seed) or self._seed(case.seed)
        answer = _apply(self._objects, self._namespace, case.seed, case.spec)
        if answer.refused:
            return list(oracles.admission(case, answer))
        after = self._look(case.seed)
        found = list(self._examine(case, before, after))
        back = self._seed(case.seed)
        again = list(chain(oracles.returned(case, before, back), oracles.conditions(case, back)))
        if again:  # the next case begins with an object that nothing has happened to
            self._start_over(case.seed)
        return found + again

    def _examine(self, case: Case, before: Sight, after: Sight) -> Iterator[Alarm]:
        yield from oracles.conditions(case, after)
        yield from oracles.named_trouble(case, before, after)
        yield from oracles.visible(case, before, after, no_effect())

    def _seed(self, name: str) -> Sight:
        spec = next(seed.spec for seed in seeds() if seed.name == name)
        answer = _apply(self._objects, self._namespace, name, spec)
        assert not answer.refused, f"the seed {name} is refused: {answer.words}"
        # A busy machine may fail a lookup, which is tried again; what is compared with is a seed without trouble.
        wait_until(lambda: self._looked_up(name), PATIENCE_SECONDS, f"the sources of the seed {name} are found")
        self._seeded[name] = sight = self._look(name)
        return sight

    def _start_over(self, name: str) -> None:
        self._seeded.pop(name, None)
        self._objects.delete(MODELDEPLOYMENTS, self._namespace, name)
        wait_until(
            lambda: not self._objects.model(self._namespace, name) and not self._children(name), 60, f"{name} is gone"
        )

    def _looked_up(self, name: str) -> bool:
        model = self._objects.model(self._namespace, name)
        found = condition(model, "ModelResolved")
        return (found.get("status"), found.get("observedGeneration")) == ("True", model["metadata"]["generation"])

    def _children(self, name: str) -> list[dict[str, Any]]:
        return self._objects.children(self._namespace, name)

    def _look(self, name: str) -> Sight:
        """Wait until the model is settled and quiet, or the hard stop; then look at its children."""
        begun = quiet = time.monotonic()
        version, pause, since = "", threading.Event(), 0.0
        while True:
            model, now = self._objects.model(self._namespace, name), time.monotonic()
            still = oracles.settled(model)
            since = since or now if still else 0.0
            if model["metadata"]["resourceVersion"] != version:
                version, quiet = model["metadata"]["resourceVersion"], now
            if (still and now - quiet > QUIET_SECONDS) or now - begun > PATIENCE_SECONDS:
                return Sight(model, picture(self._children(name), live=True), (since or now) - begun, still)
            pause.wait(_LOOK_SECONDS)


def _apply(
    objects: Objects,
    namespace: str,
    name: str,
    spec: Mapping[str, Any],
    resource: Resource = MODELDEPLOYMENTS,
    *,
    dry: bool = False,
) -> Answer:
    manifest = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    return _patch(objects, resource.path(namespace, name), manifest, dry=dry)


def _with_pods(manifests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in manifests if each["kind"] in (JOBS.kind, DEPLOYMENTS.kind)]


def _dry_children(objects: Objects, namespace: str, manifests: Sequence[Mapping[str, Any]]) -> Answer:
    """The first refusal, or the last answer."""
    answer = Answer(200, {})
    for each in manifests:
        answer = _patch(objects, BY_KIND[each["kind"]].path(namespace, each["metadata"]["name"]), each, dry=True)
        if answer.refused:
            return answer
    return answer


def _patch(objects: Objects, path: str, manifest: Mapping[str, Any], *, dry: bool) -> Answer:
    answer = objects.client.patch(
        path,
        params={"fieldManager": "acto", "force": "true", **({"dryRun": "All"} if dry else {})},
        headers={"Content-Type": "application/apply-patch+yaml"},
        # Escapes of characters beyond the first plane are none to the API server's reader of YAML.
        content=json.dumps(manifest, ensure_ascii=False).encode(),
    )
    return Answer(answer.status_code, answer.json())
