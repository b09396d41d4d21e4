"""Hardware profiles: what the administrator says about the machines. They come from the operator's configuration."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from paceline.api import quantity
from paceline.api.base import LABEL_PATTERN, DecimalText, Model
from paceline.errors import Stalled

Quantity = Annotated[str, AfterValidator(quantity.canonical)]
LabelKey = Annotated[
    str, Field(max_length=317, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]


class _Strict(Model):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_alias=True, validate_by_name=False, frozen=True, extra="forbid"
    )


class Toleration(_Strict):
    """One toleration of the pods, as Kubernetes has it."""

    key: LabelKey | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _is_one_that_kubernetes_takes(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError(f'operator Exists takes no value, not "{self.value}"; remove it or use operator Equal')
        if self.operator == "Equal" and not self.key:
            raise ValueError("operator Equal needs a key; add one or use operator Exists")
        return self


class Resources(_Strict):
    """Requests and limits of one replica besides its accelerators."""

    requests: dict[str, Quantity] = Field(default_factory=dict)
    limits: dict[str, Quantity] = Field(default_factory=dict)

    @field_validator("requests", "limits", mode="before")
    @classmethod
    def _numbers_are_text(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {k: str(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for k, v in value.items()}

    @model_validator(mode="after")
    def _requests_fit_their_limits(self) -> Self:
        for name, limit in self.limits.items():
            request = self.requests.get(name)
            if request is not None and quantity.parse(request) > quantity.parse(limit):
                raise ValueError(f"requests.{name} {request} is larger than limits.{name} {limit}")
        return self


class HardwareProfile(_Strict):
    """A kind of machine and its price.

    Attributes:
        accelerator_resource: Extended resource that the device plugin offers, "" for none.
        price_per_hour: Of one accelerator (or, without one, of one replica), in `currency`.
        run_as_user: User id of the engine's process, never 0; None: as the engine's image wants it.
    """

    name: str = Field(min_length=1, max_length=63, pattern=LABEL_PATTERN)
    accelerator_resource: str = Field("", max_length=317, pattern=r"^([a-z0-9.-]+/[A-Za-z0-9._-]+)?$")
    memory_gi_b: int = Field(0, ge=0, le=1_000_000, alias="memoryGiB")
    price_per_hour: DecimalText = "0"
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    capacity: Literal["Elastic", "Fixed"] = "Elastic"
    run_as_user: int | None = Field(None, ge=1, le=2**31 - 1)
    node_selector: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    resources: Resources = Field(default_factory=Resources)

    @property
    def price(self) -> Decimal:
        """Price per accelerator and hour."""
        return Decimal(self.price_per_hour)


def find_profile(profiles: Iterable[HardwareProfile], name: str) -> HardwareProfile:
    """The profile of that name.

    Raises:
        Stalled: reason UnknownProfile, naming those that exist.
    """
    known = {profile.name: profile for profile in profiles}
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise Stalled(
            "UnknownProfile",
            f'spec.hardware.profile is "{name}", which this operator does not know; it knows: {names}. '
            "Use one of these, or add the profile to the chart value `profiles`.",
        )
    return known[name]
