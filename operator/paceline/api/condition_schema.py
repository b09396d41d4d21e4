"""Conditions as every status has them."""

from __future__ import annotations

from pydantic import Field

from paceline.api.base import Model


class ConditionSchema(Model):
    """One condition, as metav1.Condition."""

    type: str = Field(
        min_length=1,
        max_length=316,
        description="type is what the condition is about; clients must accept types that they do not know.",
    )
    status: str = Field(
        max_length=7,
        description="status is True, False or Unknown.",
        json_schema_extra={"enum": ["True", "False", "Unknown"]},
    )
    observed_generation: int = Field(
        ge=0, le=2**53, description="observedGeneration is the metadata.generation that this was said about."
    )
    last_transition_time: str = Field(
        max_length=64,
        description="lastTransitionTime is when status last changed.",
        json_schema_extra={"format": "date-time"},
    )
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="reason is the cause in one CamelCase word; the reference page of conditions explains each.",
    )
    message: str = Field(
        max_length=32768, description="message is the cause in words, with numbers and with what to do."
    )
