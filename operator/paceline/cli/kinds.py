"""The kinds that the command line knows, and how a user may write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from paceline.api import consumer, gateway
from paceline.cli.console import ExitCode, fail

_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_GROUP = "/apis/paceline.dev/v1alpha1"


@dataclass(frozen=True, slots=True)
class Kind:
    """One of paceline's kinds.

    Attributes:
        name: As in manifests.
        short: What messages call it in mdep/NAME.
        plural: As in paths.
        words: What a user may write for it.
    """

    name: str
    short: str
    plural: str
    words: frozenset[str]

    def path(self, namespace: str = "", name: str = "") -> str:
        """Path of one object, of those of a namespace, or (namespace empty) of all."""
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{_GROUP}{scope}/{self.plural}" + (f"/{name}" if name else "")

    def is_meant(self, word: str) -> bool:
        """Does `word` stand for this kind?"""
        return word.lower().removesuffix(".paceline.dev") in self.words


MODELDEPLOYMENT = Kind(
    "ModelDeployment", "mdep", "modeldeployments", frozenset({"mdep", "modeldeployment", "modeldeployments"})
)
GATEWAY = Kind(gateway.KIND, "gateway", gateway.PLURAL, frozenset({"aigw", "gateway", "gateways"}))
CONSUMER = Kind(consumer.KIND, "consumer", consumer.PLURAL, frozenset({"aicon", "consumer", "consumers"}))
KINDS = (MODELDEPLOYMENT, GATEWAY, CONSUMER)


def kind_of(word: str, among: Iterable[Kind] = KINDS) -> Kind | None:
    """The kind that a word stands for; None for any other word."""
    return next((kind for kind in among if kind.is_meant(word)), None)


def known_kind(word: str, among: Iterable[Kind] = KINDS) -> Kind:
    """The kind that a word stands for.

    Raises:
        CliError: USAGE for any other word.
    """
    known = list(among)
    found = kind_of(word, known)
    if found is None:
        forms = ", ".join(f"{kind.short}/NAME" for kind in known)
        fail(f"{word!r} is not a kind that this command knows.", f"write {forms}, or the name alone", ExitCode.USAGE)
    return found


def bare_name(reference: str, kind: Kind = MODELDEPLOYMENT) -> str:
    """The NAME of `mdep/NAME`, `modeldeployment/NAME` or `NAME`.

    Raises:
        CliError: USAGE for another kind, or where NAME cannot be a name.
    """
    word, slash, name = reference.rpartition("/")
    if slash:
        known_kind(word, (kind,))
    if not _NAME.fullmatch(name):
        remedy = f"write {kind.short}/NAME; a name has lower-case letters, digits, dashes and dots"
        fail(f"{reference!r} does not name a {kind.name}.", remedy, ExitCode.USAGE)
    return name
