"""Consumer.spec: who calls, and what the caller may use and spend."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from paceline.api.backend_spec import Namespace
from paceline.api.base import LABEL_PATTERN, DecimalText, Model, member, only, rules
from paceline.api.hosts import HttpsUrl
from paceline.api.kind import MAX_NAME
from paceline.api.references import SecretKey
from paceline.api.worded import Worded

Audience = Literal["Internal", "External", "Reviewer"]
TrustedHeader = Literal["RequestClass", "ConversationId"]
CredentialType = Literal["Key", "JWT"]
Period = Literal["Day", "Week", "Month"]
BudgetMode = Literal["Soft", "Hard"]

#: How long a Soft budget is served without the ledger, unless graceSeconds says otherwise.
GRACE_SECONDS = 900

_NAME = "[A-Za-z0-9]([A-Za-z0-9._:/-]*[A-Za-z0-9])?"
ModelPattern = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Worded(
        f"[*]|[A-Za-z0-9][A-Za-z0-9._:/-]*[*]|{_NAME}",
        "must be the name of a model, the begin of names followed by *, as in support-*, or * alone for every model",
    ),
]
#: What stands in a token: any printable text.
Claim = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[!-~]([ -~]*[!-~])?$")]


class GatewayRef(Model):
    """A Gateway that the consumer calls."""

    name: str = Field(min_length=1, max_length=MAX_NAME, pattern=LABEL_PATTERN, description="name of the Gateway.")
    namespace: Namespace | None = Field(
        None,
        description="namespace of the Gateway. One in another namespace must take the Consumer's in its "
        "spec.allowedConsumers. Default: the Consumer's own.",
    )


class KeyCredential(Model):
    """key is a key that the caller sends as a bearer token."""

    secret_ref: SecretKey = Field(
        description="secretRef is where the key is kept. A change of the Secret is picked up within a minute; to "
        "revoke a key at once, remove the credential or set suspended."
    )


class JwtCredential(Model):
    """jwt is a signed token that the caller sends as a bearer token."""

    issuer: HttpsUrl = Field(
        description="issuer is who signs the tokens, and their claim iss. Its keys are found by its discovery document."
    )
    audiences: tuple[Claim, ...] = Field(
        min_length=1,
        max_length=16,
        description="audiences are for whom tokens are made; a token's claim aud has at least one of them.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    subject: Claim = Field(
        description="subject is whom the tokens are about, their claim sub, such as "
        "system:serviceaccount:support:bot. * stands for everybody to whom the issuer gives such tokens."
    )


class Credential(Model):
    """A way for the caller to show who it is."""

    model_config = ConfigDict(
        json_schema_extra=rules(member("key", "Key", of="credential"), member("jwt", "JWT", of="credential"))
    )

    name: str = Field(min_length=1, max_length=63, pattern=LABEL_PATTERN, description="name of the credential.")
    type: CredentialType = Field(
        description="type is Key (a key out of a Secret) or JWT (tokens of an issuer, such as an identity provider or "
        "a Kubernetes cluster). Clients must accept values that they do not know."
    )
    key: KeyCredential | None = Field(None, description="key is the key of type Key.")
    jwt: JwtCredential | None = Field(None, description="jwt says which tokens of type JWT are right.")


class Budget(Model):
    """An amount that may be spent in a period."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            only(
                "graceSeconds",
                "self.mode == 'Soft'",
                "may not be set: a Hard budget is never served without the ledger; remove graceSeconds or set mode to "
                "Soft",
            )
        )
    )

    name: str = Field(min_length=1, max_length=63, pattern=LABEL_PATTERN, description="name of the budget.")
    amount: DecimalText = Field(
        description="amount is what may be spent in a period, in the currency of the installation."
    )
    period: Period = Field(
        description="period is Day, Week (from Monday) or Month; it begins at midnight of timeZone. Clients must "
        "accept values that they do not know."
    )
    time_zone: str = Field(
        "UTC",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z]([A-Za-z0-9_+/-]*[A-Za-z0-9])?$",
        description="timeZone is where midnight is, a name of the IANA time zone database such as Europe/Berlin. "
        "Default: UTC.",
    )
    mode: BudgetMode = Field(
        "Soft",
        description="mode is Soft (requests are refused within a second of the overspend) or Hard (the most that a "
        "request can cost is reserved before it is forwarded, so the budget is never exceeded; a model without a price "
        "is refused). Default: Soft.",
    )
    grace_seconds: int | None = Field(
        None,
        ge=0,
        le=86400,
        description="graceSeconds is how long requests are answered on the last verdict while the ledger cannot be "
        f"asked, where mode is Soft; then they are answered 503 with Retry-After. Default: {GRACE_SECONDS}.",
    )

    @property
    def grace(self) -> int:
        """Seconds that the budget is served without the ledger."""
        if self.mode == "Hard":
            return 0
        return GRACE_SECONDS if self.grace_seconds is None else self.grace_seconds


class ConsumerLimits(Model):
    """limits are how fast the consumer may ask, over all of its credentials."""

    requests_per_minute: int | None = Field(
        None, ge=1, le=1_000_000_000, description="requestsPerMinute is the number of requests. Default: no limit."
    )
    tokens_per_minute: int | None = Field(
        None,
        ge=1,
        le=2_000_000_000,
        description="tokensPerMinute is the number of tokens, of prompts and answers together. Default: no limit.",
    )
    max_concurrent_requests: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="maxConcurrentRequests is how many requests may be under way at a time. Default: no limit.",
    )


class ConsumerSpec(Model):
    """spec says who calls, and what the caller may use and spend."""

    gateway_refs: tuple[GatewayRef, ...] = Field(
        min_length=1,
        max_length=16,
        description="gatewayRefs are the Gateways that answer this consumer.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    audience: Audience = Field(
        "External",
        description="audience is whom the consumer's answers reach: Internal (people of the organisation), External "
        "(anybody else) or Reviewer (people who approve answers; its requests need the header x-paceline-purpose: "
        "review). It decides what an automation level lets through. Default: External.",
    )
    team: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        description="team is under what usage of several consumers is added up. Default: none.",
    )
    priority: int = Field(
        5,
        ge=0,
        le=9,
        description="priority orders requests that wait for an engine: 0 goes first, 9 last. Default: 5.",
    )
    request_class: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        pattern=LABEL_PATTERN,
        description="requestClass is the class of all of the consumer's requests, by which automation levels differ. A "
        "trusted header goes before it. Default: none, which is class other.",
    )
    trusted_headers: tuple[TrustedHeader, ...] = Field(
        (),
        max_length=8,
        description="trustedHeaders are the headers of paceline that are believed of this consumer and removed from "
        "requests of all others: RequestClass (x-paceline-request-class), ConversationId (x-paceline-conversation-id). "
        "Clients must accept values that they do not know.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    models: tuple[ModelPattern, ...] = Field(
        min_length=1,
        max_length=256,
        description="models are the model names that the consumer may use: whole names, begins of names followed by * "
        "as in support-*, or * alone for every model.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    credentials: tuple[Credential, ...] = Field(
        (),
        max_length=8,
        description="credentials are ways for the caller to show who it is; two keys allow one to be replaced without "
        "an interruption. Default: one key, which is generated into the Secret <name>-key, key token.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    budgets: tuple[Budget, ...] = Field(
        (),
        max_length=8,
        description="budgets are amounts that may be spent; a request must be within all of them. Default: none, and "
        "usage is only counted.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    limits: ConsumerLimits | None = Field(
        None,
        description="limits are how fast the consumer may ask, over all of its credentials; what is beyond is answered "
        "429 with Retry-After. Default: no limit.",
    )
    suspended: bool = Field(
        False,
        description="suspended is whether all requests of the consumer are refused, which takes less than a second. "
        "Default: false.",
    )

    @property
    def grace_seconds(self) -> int | None:
        """How long it is served without the ledger: the least of its Soft budgets; None: it has none."""
        return min((each.grace for each in self.budgets if each.mode == "Soft"), default=None)
