"""The statuses of Gateways and Consumers: what the models build is what the schemas take."""

from __future__ import annotations

import jsonschema
import pytest

from paceline.api.consumer_status import ConsumerStatus
from paceline.api.gateway_status import GatewayStatus
from tests.support.manifests import kinds

READY = {
    "type": "Ready",
    "status": "True",
    "observedGeneration": 3,
    "lastTransitionTime": "2026-11-24T12:00:00Z",
    "reason": "Serving",
    "message": "2 of 2 pods answer.",
}
GATEWAY = {
    "conditions": [READY],
    "observedGeneration": 3,
    "address": "http://public-5d2c81aa.models.svc:8080/v1",
    "display": {"pods": "2/2"},
    "generationServed": 41,
    "routes": {"total": 3, "unhealthy": ["support-bot"]},
}
CONSUMER = {
    "conditions": [READY | {"reason": "Programmed"}],
    "observedGeneration": 3,
    "display": {"spent": "412.10 USD", "budget": "500.00/Month"},
    "budgets": [{"name": "month", "spent": "412.10", "remaining": "87.90", "periodEnds": "2026-11-30T23:00:00Z"}],
    "credentials": [{"name": "k1", "fingerprint": "5f0c", "propagatedTime": "2026-11-24T12:00:00Z"}],
    "observedTime": "2026-11-24T14:05:00Z",
}


@pytest.mark.parametrize(
    ("kind", "model", "status"),
    [("Gateway", GatewayStatus, GATEWAY), ("Consumer", ConsumerStatus, CONSUMER), ("Consumer", ConsumerStatus, {})],
    ids=["gateway", "consumer", "nothing yet"],
)
def test_a_status_is_built_as_its_schema_wants_it(kind, model, status):
    built = model.model_validate(status).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert built == status
    jsonschema.validate(built, kinds()[kind]["properties"]["status"])
