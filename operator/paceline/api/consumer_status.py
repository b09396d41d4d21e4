"""Consumer.status: what the operator says. These models give its schema and build it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from paceline.api.base import DecimalText, Model
from paceline.api.condition_schema import ConditionSchema

_Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]


class ConsumerDisplay(Model):
    """display holds what the columns of `kubectl get` print: of several budgets, the one that is most used up."""

    spent: str | None = Field(None, max_length=64, description="spent is what was spent, such as 412.10 USD.")
    budget: str | None = Field(None, max_length=64, description="budget is the amount and its period, as 500.00/Month.")


class BudgetUse(Model):
    """What is used of a budget in the present period."""

    name: str = Field(max_length=63, description="name is that of the entry of spec.budgets.")
    spent: DecimalText = Field(description="spent is what was spent in this period, reservations left out.")
    remaining: DecimalText = Field(description="remaining is what may still be spent; 0 also after an overspend.")
    period_ends: _Time = Field(description="periodEnds is when the period ends and the budget begins anew.")


class CredentialUse(Model):
    """A credential and where it is known."""

    name: str = Field(max_length=63, description="name is that of the entry of spec.credentials.")
    fingerprint: str | None = Field(
        None,
        max_length=128,
        description="fingerprint is a keyed hash of the key, by which keys can be told apart but not guessed.",
    )
    propagated_time: _Time | None = Field(
        None, description="propagatedTime is when the last gateway pod had the credential as it is now."
    )


class ConsumerStatus(Model):
    """status is what the operator has seen and done."""

    conditions: tuple[ConditionSchema, ...] | None = Field(
        None,
        max_length=16,
        description="conditions say how the object is: Ready, Accepted, WithinBudget.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int | None = Field(
        None, ge=0, le=2**53, description="observedGeneration is the metadata.generation that status is about."
    )
    display: ConsumerDisplay | None = Field(None, description="display holds what the columns of kubectl get print.")
    budgets: tuple[BudgetUse, ...] | None = Field(
        None,
        max_length=8,
        description="budgets say what is used of each budget.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    credentials: tuple[CredentialUse, ...] | None = Field(
        None,
        max_length=8,
        description="credentials say which credentials are known, and since when.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    observed_time: _Time | None = Field(
        None,
        description="observedTime is when the figures of budgets were taken: every five minutes while there are "
        "requests, and at 80, 90 and 100 % of a budget.",
    )
