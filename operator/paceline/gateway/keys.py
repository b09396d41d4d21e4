"""Keys of Consumers: where they are kept, and whose a key is that two of them have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from paceline.api import consumer_reasons as reasons
from paceline.api.consumer import Consumer
from paceline.api.names import CONSUMER_TOKEN, consumer_secret
from paceline.gateway.consumers import Caller
from paceline.gateway.finding import Finding, of_consumer
from paceline.gateway.ir import Key


@dataclass(frozen=True, slots=True)
class _Credential:
    """A credential of a Consumer.

    Attributes:
        name: "" for the generated key.
        reference: Of the key.
        value: The key; None while it is not there.
    """

    name: str
    reference: str
    value: str | None

    @property
    def words(self) -> str:
        """For messages."""
        return f"Credential {self.name}" if self.name else "The generated key"


def references(consumer: Consumer) -> tuple[tuple[str, str, str], ...]:
    """Namespace, name and key of the Secrets that a Consumer's keys are in, for whoever reads them."""
    if not consumer.spec.credentials:
        return ((consumer.namespace, consumer_secret(consumer.name), CONSUMER_TOKEN),)
    refs = [each.key.secret_ref for each in consumer.spec.credentials if each.key]
    return tuple((consumer.namespace, each.name, each.key) for each in refs)


def reference(place: tuple[str, str, str]) -> str:
    """Namespace, name and key as one text, by which a key is looked up."""
    return "/".join(place)


def keys(callers: Iterable[Caller], secrets: Mapping[str, str]) -> tuple[list[Key], list[Finding]]:
    """The keys that let somebody in, and what is said of credentials that do not.

    Args:
        callers: The oldest first: of those that have one key it keeps it.
        secrets: Keys by their reference, as far as they are there.
    """
    owners: dict[str, tuple[Consumer, str]] = {}
    found, findings = [], []
    for caller in callers:
        consumer = caller.consumer
        for each in _credentials(consumer, secrets):
            mine = (consumer, each.name)
            having = mine if each.value is None else owners.setdefault(each.value, mine)
            if having[0] is not consumer:
                findings.append(conflicted(consumer, each.name, each.words, having[0]))
            elif each.value is None:
                message = f"{each.words} is to be in {each.reference} (namespace, Secret, key), and is not there."
                findings.append(of_consumer(consumer, reasons.SECRET_MISSING, each.name, message))
            elif having == mine:  # else it is the same key under a second name
                found.append(Key(caller.policy.name, consumer.namespace, consumer.name, each.reference))
    return found, findings


def _credentials(consumer: Consumer, secrets: Mapping[str, str]) -> Iterator[_Credential]:
    keyed = [each for each in consumer.spec.credentials if each.key]
    names = [each.name for each in keyed] if consumer.spec.credentials else [""]
    for name, place in zip(names, references(consumer), strict=True):
        yield _Credential(name, reference(place), secrets.get(reference(place)))


def conflicted(consumer: Consumer, name: str, words: str, other: Consumer) -> Finding:
    """A credential that an older Consumer has.

    Args:
        consumer: Whose it is not.
        name: Of the credential.
        words: The same, as a message begins.
        other: Whose it is.
    """
    # Whose key it is is nothing for others to know: who puts guessed keys into Secrets would learn which are right.
    same = f"Consumer {other.namespace}/{other.name}" if other.namespace == consumer.namespace else "an older Consumer"
    message = f"{words} is that of {same} already, which keeps it."
    return of_consumer(consumer, reasons.CONFLICTED, name, message)


def credential(consumer: Consumer, where: str) -> str:
    """The name of a Consumer's credential that has its key at a reference; "" for the generated key."""
    named = (each for each in consumer.spec.credentials if each.key)
    pairs = zip(named, references(consumer), strict=False)
    return next((each.name for each, place in pairs if reference(place) == where), "")
