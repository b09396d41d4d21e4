"""Tokens of Consumers: who may sign them, and whose they are that two Consumers ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from paceline.api import consumer_reasons as reasons
from paceline.api.consumer import Consumer
from paceline.api.consumer_spec import JwtCredential
from paceline.gateway.allowed import allows, listed
from paceline.gateway.consumers import Caller
from paceline.gateway.finding import Finding, of_consumer
from paceline.gateway.ir import Identity, Issuer
from paceline.gateway.keys import conflicted
from paceline.gateway.observation import Observation


def identities(callers: Iterable[Caller], seen: Observation) -> tuple[list[Identity], list[Finding]]:
    """The tokens that let somebody in, and what is said of credentials that do not.

    Args:
        callers: The oldest first: of those that have the same issuer, subject and audience it keeps them.
        seen: What was read.
    """
    owners: dict[tuple[str, str, str], Consumer] = {}
    found, findings = [], []
    for caller in callers:
        consumer = caller.consumer
        for each in consumer.spec.credentials:
            if each.jwt is None:
                continue
            claims = [(each.jwt.issuer, each.jwt.subject, audience) for audience in each.jwt.audiences]
            having = [owners.setdefault(claim, consumer) for claim in claims]
            others = [one for one in having if one is not consumer]
            problem = _unreachable(each.jwt.issuer, seen)
            if others:
                findings.append(conflicted(consumer, each.name, f"Credential {each.name}", others[0]))
            elif problem:
                message = f"Credential {each.name}: {problem}"
                findings.append(of_consumer(consumer, reasons.ISSUER_UNREACHABLE, each.name, message))
            else:
                found.append(_identity(caller, each.jwt))
    return found, findings


def issuers(found: Iterable[Identity], seen: Observation) -> tuple[Issuer, ...]:
    """Who signs some tokens, in order."""
    addresses = sorted({each.issuer for each in found})
    return tuple(Issuer(each, seen.issuers.get(each, ""), seen.site.hosts) for each in addresses)


def unsigned(consumer: Consumer, lacking: Mapping[str, str]) -> list[Finding]:
    """What is said of a Consumer's tokens that no gateway can verify.

    Args:
        consumer: Whose they are.
        lacking: Why there are no keys, by issuers.
    """
    return [
        of_consumer(
            consumer,
            reasons.ISSUER_UNREACHABLE,
            each.name,
            f"Credential {each.name}: issuer {each.jwt.issuer}: {lacking[each.jwt.issuer]}.",
        )
        for each in consumer.spec.credentials
        if each.jwt and each.jwt.issuer in lacking
    ]


def _identity(caller: Caller, jwt: JwtCredential) -> Identity:
    where = caller.consumer
    return Identity(caller.policy.name, where.namespace, where.name, jwt.issuer, jwt.subject, tuple(jwt.audiences))


def _unreachable(issuer: str, seen: Observation) -> str:
    """Why nobody may be asked for the issuer's keys; "" where somebody may, or they are known."""
    host = urlsplit(issuer).hostname or ""
    if issuer in seen.issuers or allows(seen.site.hosts, host):
        return ""
    return f"host {host} of issuer {issuer} is not allowed; allowed are: {listed(seen.site.hosts)}."
