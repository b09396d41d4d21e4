"""What the agent of a gateway's pod gets: everything that its proxy does, at one moment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from paceline.gateway.envoy import documents_of, scripts
from paceline.gateway.envoy.endpoints import endpoints_file, servers
from paceline.gateway.ir import Cluster, Gateway, Issuer, Pods, Tls

#: Files that change when pods come and go: they are no part of the digest, and an agent takes them from anybody.
ADDRESSES = ("eds/", "peers.json")

#: Of programs as agents read them. Whoever reads one takes no notice of fields that it does not know, so what is new
#: and may be left out changes no number; what may not be, does.
FORMAT = 1

_Name = Annotated[str, Field(max_length=512)]


@dataclass(frozen=True, slots=True)
class Program:
    """Everything but addresses. Keys of consumers are in its files, so it is never printed.

    Attributes:
        gateway: namespace/name.
        files: Their text by their place, each after those that it refers to.
        models: Those that the callers of a policy may ask, by its name, in order.
        teams: Of consumers that have one, by their client ids.
        credentials: Files of mounted Secrets that the proxy reads.
        classes: Of the requests of policies that have one, by their names.
        suspended: Client ids of consumers that get nothing.
        graces: Seconds for which consumers with a Soft budget are served without the ledger, by their client ids.
        issuers: Whose tokens the proxy takes; their keys it has from the agent.
        format: How it is to be read.
    """

    gateway: _Name
    files: Mapping[str, str] = field(repr=False)
    models: Mapping[str, tuple[str, ...]]
    teams: Mapping[str, str]
    credentials: tuple[str, ...]
    classes: Mapping[str, str] = field(default_factory=dict)
    suspended: tuple[str, ...] = ()
    graces: Mapping[str, int] = field(default_factory=dict)
    issuers: tuple[Issuer, ...] = ()
    format: int = FORMAT

    __pydantic_config__ = ConfigDict(alias_generator=to_camel, extra="ignore", strict=True)

    @property
    def digest(self) -> str:
        """Of its whole content."""
        return hashlib.sha256(write(self)).hexdigest()


@dataclass(frozen=True, slots=True)
class _Head:
    """What is read of a program before it is known how the rest is."""

    format: int = FORMAT

    __pydantic_config__ = ConfigDict(extra="ignore", strict=True)


_PROGRAMS = TypeAdapter(Program)
_HEADS = TypeAdapter(_Head)


class FormatError(ValueError):
    """A program is to be read otherwise than is known here: operator and agent are of releases too far apart."""


def program(
    gateway: Gateway,
    secrets: Mapping[str, str],
    teams: Mapping[str, str],
    folder: str,
    graces: Mapping[str, int] | None = None,
) -> tuple[Program, dict[str, str]]:
    """The program of a gateway that has no problems, and the files with addresses.

    Args:
        gateway: Neutral routes in which `check` finds no problem.
        secrets: Keys of consumers by their reference.
        teams: Of consumers that have one, by their client ids.
        folder: Where the proxy finds the files.
        graces: Of consumers with a Soft budget, by their client ids.
    """
    files = {place: json.dumps(document) for place, document in documents_of(gateway, secrets, folder).items()}
    served = [each.model for each in gateway.routes]
    made = Program(
        gateway=f"{gateway.namespace}/{gateway.name}",
        files=scripts() | {place: text for place, text in files.items() if not place.startswith(ADDRESSES)},
        models={each.name: tuple(sorted(each.allowed(served))) for each in gateway.policies},
        teams=teams,
        credentials=_credentials(gateway),
        classes={each.name: each.request_class for each in gateway.policies if each.request_class},
        suspended=tuple(each.client for each in gateway.denied if each.reason == "Suspended"),
        graces=graces or {},
        issuers=gateway.issuers,
    )
    return made, {place: text for place, text in files.items() if place.startswith(ADDRESSES)}


def addresses(clusters: Iterable[Cluster]) -> dict[str, str]:
    """Files with the addresses of some clusters of pods, as `program` has them."""
    found = {each.name: servers(each.name, each.servers) for each in clusters if isinstance(each.servers, Pods)}
    return {f"eds/{name}.json": json.dumps(endpoints_file(each)) for name, each in found.items()}


def write(made: Program) -> bytes:
    """As bytes; equal programs give equal ones."""
    return _PROGRAMS.dump_json(made, by_alias=True)


def parse(text: bytes) -> Program:
    """Read what `write` wrote, also that of another release.

    Raises:
        FormatError: it cannot be read here.
        ValueError: it is none; the message names the field, and never its content.
    """
    try:
        found = _HEADS.validate_json(text).format
        if found != FORMAT:
            raise FormatError(
                f"The configuration has format {found}, and this agent reads format {FORMAT}. Give the Gateway's pods "
                "the agent of the operator's release (chart value images.agent)."
            )
        return _PROGRAMS.validate_json(text)
    except ValidationError as wrong:
        where = {".".join(map(str, item["loc"][:2])) or "it": item["msg"] for item in wrong.errors(include_input=False)}
        raise ValueError("; ".join(f"program.{place}: {words}" for place, words in where.items())) from None


def _credentials(gateway: Gateway) -> tuple[str, ...]:
    tls = gateway.listener.tls or Tls("", "")
    files = {tls.certificate, tls.key, *(each.credential_file for each in gateway.clusters)}
    return tuple(sorted(files - {""}))
