"""Reading a ModelDeployment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.conditions import MAX_MESSAGE
from paceline.api.modeldeployment import ModelDeployment
from paceline.errors import Stalled
from tests.support.models import manifest, model

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "hardware", "engine", "replicas", "uri", "custom"]), inner)
    ),
    max_leaves=10,
)


def test_the_nine_line_manifest_gets_its_defaults():
    md = model()
    assert (md.spec.replicas, md.spec.model.task, md.spec.hardware.count) == (1, "Generate", 1)
    assert (md.spec.lifecycle.startup_seconds, md.spec.lifecycle.drain_seconds) == (1800, 300)
    assert md.spec.rollout.progress_deadline_seconds == 3600
    assert md.served_name == "chat"


def test_the_uri_has_a_scheme_and_a_location():
    source = model({"model": {"uri": "image://r/e:1"}}).spec.model
    assert (source.scheme, source.location) == ("image", "r/e:1")


def test_the_served_name_is_the_users_where_there_is_one():
    assert model({"model": {"servedName": "bot"}}).served_name == "bot"


def test_gateways_of_other_namespaces_need_consent():
    shared = model({"sharedWith": [{"gatewayNamespace": "platform"}]}).spec
    assert [shared.consents_to(each) for each in ("platform", "plat", "models")] == [True, False, False]
    assert not model().spec.consents_to("platform")


def test_fields_of_other_releases_are_ignored():
    assert model({"later": {"thing": 500}}) == model()


def test_an_objective_has_the_defaults_of_the_kind_and_its_number_may_be_a_text():
    given = model({"slo": {"ttftMilliseconds": 500, "objectivePercent": 95}}).spec.slo
    assert given is not None
    assert (given.ttft_milliseconds, given.tpot_milliseconds, given.objective_percent) == (500, None, "95")
    assert (given.period_days, given.min_requests) == (28, 100)
    assert model().spec.slo is None


@pytest.mark.parametrize("share", ["0", 0, "0.999999", "100", 100, "99,5", "-1", "nan"])
def test_an_objective_of_nobody_or_of_all_is_refused(share):
    with pytest.raises(Stalled) as stalled:
        model({"slo": {"ttftMilliseconds": 500, "objectivePercent": share}})
    assert "spec.slo.objectivePercent" in stalled.value.message


@pytest.mark.parametrize("share", ["1", 1, 99, "99.999999", "50.5"])
def test_an_objective_between_nobody_and_all_is_taken(share):
    assert model({"slo": {"ttftMilliseconds": 500, "objectivePercent": share}}).spec.slo.objective_percent == str(share)


def test_conditions_are_read_from_the_status():
    status = {"conditions": [{"type": "Ready", "status": "True", "reason": "Answering"}]}
    assert model(status=status).conditions[0].reason == "Answering"


def test_a_wrong_field_is_named_with_its_value():
    with pytest.raises(Stalled) as stalled:
        model({"replicas": -1})
    assert stalled.value.reason == "InvalidSpec"
    assert "spec.replicas" in stalled.value.message
    assert "-1" in stalled.value.message


def test_a_long_key_is_shortened_so_that_a_condition_still_holds_the_remedy():
    with pytest.raises(Stalled, match=r"spec\.template\.nodeSelector\.kkk") as stalled:
        model({"template": {"nodeSelector": {"k" * 1000: "x"}}})
    assert len(stalled.value.message) < MAX_MESSAGE
    assert stalled.value.message.endswith("Correct the spec and apply it again.")


def test_an_object_without_a_spec_says_what_is_missing():
    with pytest.raises(Stalled, match=r"spec\.model is missing"):
        ModelDeployment.parse(manifest() | {"spec": None})


@given(JSON)
def test_any_spec_is_read_or_refused(spec):
    try:
        ModelDeployment.parse(manifest() | {"spec": spec})
        reason = ""
    except Stalled as stalled:
        reason = stalled.reason
    assert reason in {"", "InvalidSpec"}
