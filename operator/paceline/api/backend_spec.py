"""Entries of a route's backends: who answers its requests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from paceline.api.base import LABEL_PATTERN, Model, member, rules
from paceline.api.hosts import HttpsUrl
from paceline.api.kind import MAX_NAME
from paceline.api.references import SecretKey

BackendType = Literal["ModelDeployment", "External"]

NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Namespace = Annotated[str, Field(min_length=1, max_length=63, pattern=NAMESPACE_PATTERN)]
#: As a server wants it in "model"; wider than the names that clients use, because providers choose them.
UpstreamModel = Annotated[
    str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9@]([A-Za-z0-9._:/@+-]*[A-Za-z0-9])?$")
]


class ModelDeploymentBackend(Model):
    """modelDeployment is a model of this cluster."""

    name: str = Field(
        min_length=1, max_length=MAX_NAME, pattern=LABEL_PATTERN, description="name of the ModelDeployment."
    )
    namespace: Namespace | None = Field(
        None,
        description="namespace of the ModelDeployment. One in another namespace than the Gateway's must name the "
        "Gateway's in its spec.sharedWith. Default: the Gateway's own.",
    )
    adapter: str | None = Field(
        None,
        min_length=1,
        max_length=48,
        pattern=LABEL_PATTERN,
        description="adapter is the name of an entry of the ModelDeployment's spec.adapters that answers. Default: the "
        "model itself.",
    )


class External(Model):
    """external is a service outside that speaks the OpenAI API."""

    base_url: HttpsUrl = Field(
        description="baseUrl is the base of the service's OpenAI API, such as https://api.example.com/v1. It is https "
        "with the name of a host that the administrator allows; the host's certificate must be for that name.",
    )
    model: UpstreamModel | None = Field(
        None, description='model is what the service is asked for in "model". Default: the model of the route.'
    )
    secret_ref: SecretKey | None = Field(
        None,
        description="secretRef is the service's key. It is mounted into the gateway's pods, sent to this service and "
        "nowhere else, and the operator does not read it. Default: no key is sent.",
    )


class Backend(Model):
    """Who answers a share of the requests."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            member("modelDeployment", "ModelDeployment", of="backend"), member("external", "External", of="backend")
        )
    )

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=LABEL_PATTERN,
        description="name of the backend, one of a kind within its route; usage is recorded under it.",
    )
    type: BackendType = Field(
        description="type is ModelDeployment (a model of this cluster) or External (a service outside that speaks the "
        "OpenAI API). Clients must accept values that they do not know."
    )
    model_deployment: ModelDeploymentBackend | None = Field(
        None, description="modelDeployment is the model of type ModelDeployment."
    )
    external: External | None = Field(None, description="external is the service of type External.")
    priority: int = Field(
        0,
        ge=0,
        le=15,
        description="priority is the order in which backends are tried: those of 0 first, those of the next number "
        "when one of these failed before its first byte. Default: 0.",
    )
    weight: int = Field(
        100,
        ge=0,
        le=1000,
        description="weight is the backend's share of the requests, relative to the weights of the same priority; 0 "
        "gets none. Default: 100.",
    )
