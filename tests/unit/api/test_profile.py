"""Hardware profiles: what an administrator may write and what is said about mistakes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from paceline.api.base import describe
from paceline.api.profile import HardwareProfile, find_profile
from paceline.errors import Stalled
from tests.support.models import hardware


def test_a_name_alone_is_a_profile_without_accelerators_that_costs_nothing():
    profile = hardware()
    assert profile.accelerator_resource == ""
    assert profile.price == 0
    assert profile.run_as_user is None


def test_the_profile_of_the_chart_is_read():
    profile = hardware(
        name="h100-80gb",
        acceleratorResource="nvidia.com/gpu",
        memoryGiB=80,
        pricePerHour="2.49",
        currency="USD",
        capacity="Elastic",
        runAsUser=2000,
        nodeSelector={"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"},
        tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        resources={"requests": {"cpu": 8, "memory": "64Gi"}, "limits": {"memory": "64Gi"}},
    )
    assert profile.price == Decimal("2.49")
    assert profile.memory_gi_b == 80
    assert profile.resources.requests == {"cpu": "8", "memory": "64Gi"}


def test_prices_may_be_numbers_without_a_point():
    assert hardware(pricePerHour=3).price == 3


def test_quantities_come_out_as_kubernetes_stores_them():
    assert hardware(resources={"requests": {"cpu": 0.5, "memory": "1024Mi"}}).resources.requests == {
        "cpu": "500m",
        "memory": "1Gi",
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "H100"}, "profile.name"),
        ({"gpus": 1}, "profile.gpus"),
        ({"runAsUser": 0}, "greater than or equal to 1"),
        ({"pricePerHour": "-1"}, "profile.pricePerHour"),
        ({"pricePerHour": True}, "profile.pricePerHour"),
        ({"pricePerHour": 2.5}, "profile.pricePerHour"),
        ({"currency": "dollar"}, "profile.currency"),
        ({"capacity": "Some"}, "'Elastic' or 'Fixed'"),
        ({"acceleratorResource": "gpu"}, "profile.acceleratorResource"),
        ({"nodeSelector": {"a b": "c"}}, "profile.nodeSelector"),
        ({"resources": {"requests": {"cpu": "-1"}}}, "'-1' is not a quantity"),
        ({"resources": {"requests": {"cpu": True}}}, "profile.resources.requests.cpu"),
        ({"resources": {"requests": "lots"}}, "profile.resources.requests"),
        (
            {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}},
            "requests.memory 2Gi is larger than",
        ),
        ({"tolerations": [{"operator": "Exists", "value": "x"}]}, "takes no value"),
        ({"tolerations": [{"value": "x"}]}, "needs a key"),
        ({"memory_gi_b": 80}, "profile.memory_gi_b"),
    ],
)
def test_a_mistake_is_named_with_its_field(fields, words):
    with pytest.raises(ValidationError) as refused:
        HardwareProfile.model_validate({"name": "sim"} | fields)
    assert words in describe(refused.value, "profile")


def test_a_missing_field_is_named_and_long_values_are_cut():
    with pytest.raises(ValidationError) as refused:
        HardwareProfile.model_validate({"currency": "x" * 500})
    words = describe(refused.value, "profile")
    assert "profile.name is missing" in words
    assert len(words) < 300


def test_limits_may_stand_without_requests():
    assert hardware(resources={"limits": {"memory": "1Gi"}}).resources.limits == {"memory": "1Gi"}


def test_a_profile_is_found_by_its_name():
    assert find_profile([hardware(), hardware(name="cpu")], "cpu").name == "cpu"


@pytest.mark.parametrize(("profiles", "known"), [([], "none"), (["sim", "cpu"], "cpu, sim")])
def test_an_unknown_profile_is_named_with_those_that_are_known(profiles, known):
    with pytest.raises(Stalled) as stalled:
        find_profile([hardware(name=name) for name in profiles], "h1000")
    assert stalled.value.reason == "UnknownProfile"
    assert 'spec.hardware.profile is "h1000"' in stalled.value.message
    assert f"it knows: {known}." in stalled.value.message
    assert "chart value `profiles`" in stalled.value.message
