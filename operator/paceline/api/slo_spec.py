"""ModelDeployment.spec.slo: what users are to meet, and how many of them."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from paceline.api.base import Model, ShareText, cel, rules


class SloSpec(Model):
    """slo says what users are to meet, and how many of them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "has(self.ttftMilliseconds) || has(self.tpotMilliseconds)",
                message="must have ttftMilliseconds, tpotMilliseconds or both: without a target every answer meets it",
                field=".ttftMilliseconds",
            )
        )
    )

    ttft_milliseconds: int | None = Field(
        None,
        ge=1,
        le=3_600_000,
        description="ttftMilliseconds is the longest time to the first token that is good. Default: any is.",
    )
    tpot_milliseconds: int | None = Field(
        None,
        ge=1,
        le=3_600_000,
        description="tpotMilliseconds is the longest time per output token after the first one that is good. Default: "
        "any is.",
    )
    objective_percent: ShareText = Field(
        "99",
        description="objectivePercent is the share of requests that are to meet every target; errors and time-outs "
        "meet none. It is at least 1 and below 100: at 100 one bad request would be too many for ever. Default: 99.",
    )
    period_days: int = Field(
        28,
        ge=1,
        le=366,
        description="periodDays is the time over which requests that miss a target may add up to the rest of "
        "objectivePercent. Default: 28.",
    )
    min_requests: int = Field(
        100,
        ge=1,
        le=1_000_000_000,
        description="minRequests is how many requests of the last 5 minutes it takes to say whether the objective is "
        "met. Default: 100.",
    )
