"""Gateway.status: what the operator says. These models give its schema and build it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from paceline.api.base import Model
from paceline.api.condition_schema import ConditionSchema


class GatewayDisplay(Model):
    """display holds what the columns of `kubectl get` print."""

    pods: str | None = Field(None, max_length=32, description="pods is ready over wanted pods, such as 2/2.")


class GatewayRoutes(Model):
    """routes says how many routes there are, and which of them answer nobody."""

    total: int = Field(ge=0, le=2147483647, description="total is the number of routes, found ones included.")
    unhealthy: tuple[Annotated[str, Field(max_length=128)], ...] = Field(
        (),
        max_length=50,
        description="unhealthy are models whose requests nobody answers, the first 50 by name.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class GatewayStatus(Model):
    """status is what the operator has seen and done."""

    conditions: tuple[ConditionSchema, ...] | None = Field(
        None,
        max_length=16,
        description="conditions say how the object is: Ready, Accepted, Programmed, BackendsResolved, "
        "CredentialsResolved.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int | None = Field(
        None, ge=0, le=2**53, description="observedGeneration is the metadata.generation that status is about."
    )
    address: str | None = Field(
        None,
        max_length=512,
        description="address is the base URL of the OpenAI API, as clients of the gateway reach it.",
    )
    display: GatewayDisplay | None = Field(None, description="display holds what the columns of kubectl get print.")
    generation_served: int | None = Field(
        None,
        ge=0,
        le=2**53,
        description="generationServed is the number of the configuration that all pods serve. It grows with each "
        "change of routes, keys and certificates, so it is another number than metadata.generation.",
    )
    routes: GatewayRoutes | None = Field(
        None, description="routes says how many routes there are, and which of them answer nobody."
    )
