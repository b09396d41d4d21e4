"""Which revision is in force when specs, releases and profiles change."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from paceline import render
from paceline.api.digest import short
from paceline.api.names import LABEL_REVISION
from paceline.api.revision import Revision, harmless, intent_of, mountable, unlabelled
from paceline.decide.difference import difference
from paceline.decide.revisions import Place, choose, places
from tests.support import models

PLAIN = models.model()
SEEDED = models.model({"engine": {"args": ["--seed=2"]}})
MOVED = models.hardware(nodeSelector={"zone": "b"})


def picked(rendered, *stored, follow=False, limit=5, in_use=()):
    return choose(rendered, stored, follow=follow, limit=limit, in_use=in_use)


def test_the_first_revision_is_number_one():
    found = picked(models.revision(number=0))
    assert (found.revision.number, found.drift, found.obsolete) == (1, "", ())


def test_what_is_in_force_stays_as_it_is():
    stored = models.revision(number=4)
    assert picked(models.revision(number=0), stored).revision == stored


def test_a_changed_spec_is_a_new_revision_and_the_old_one_is_kept():
    old = models.revision(number=4)
    found = picked(models.revision(SEEDED, number=0), old)
    assert (found.revision.number, found.obsolete) == (5, ())


def test_a_spec_that_comes_back_gets_its_revision_back_with_the_highest_number():
    first, second = models.revision(number=1), models.revision(SEEDED, number=2)
    found = picked(models.revision(number=0), first, second)
    assert found.revision == replace(first, number=3)
    assert found.obsolete == ()


def test_another_rendering_of_the_same_spec_is_only_said():
    stored = models.revision(number=1)
    found = picked(models.revision(profile=MOVED, number=0), stored)
    assert found.revision == stored
    assert found.drift == 'spec.nodeSelector: nothing → {"zone": "b"}'


def test_another_rendering_of_the_same_spec_is_followed_where_that_is_asked_for():
    stored = models.revision(number=1)
    found = picked(models.revision(profile=MOVED, number=0), stored, follow=True)
    assert (found.revision.number, found.drift) == (2, "")
    assert found.revision.label != stored.label
    again = picked(models.revision(profile=MOVED, number=0), stored, found.revision, follow=True)
    assert again.revision == found.revision


def test_a_rendering_that_was_followed_stays_when_it_is_no_longer_to_be_followed():
    first, second = models.revision(number=1), models.revision(profile=MOVED, number=2)
    assert picked(models.revision(number=0), first, second).revision == second


def test_of_the_former_revisions_the_latest_are_kept_and_those_with_pods():
    former = [models.revision(models.model({"engine": {"args": [f"--seed={n}"]}}), number=n) for n in range(1, 6)]
    found = picked(models.revision(number=0), *former, limit=1, in_use={former[0].label})
    assert found.obsolete == (former[3].name, former[2].name, former[1].name)


def test_a_field_that_a_release_adds_changes_no_intent():
    assert intent_of(PLAIN.spec) == {"model": {"uri": "sim://llama-3-8b-h100"}, "hardware": {"profile": "sim"}}
    assert intent_of(models.model({"lifecycle": {"drainSeconds": 300}, "replicas": 3}).spec) == intent_of(PLAIN.spec)


STORED = render.controller_revision(PLAIN, "Simulator", models.revision())


def forged(**pod):
    """A ControllerRevision whose template was changed and whose digests were made to agree."""
    template = copy.deepcopy(STORED["data"]["template"])
    template["spec"] |= pod
    template["metadata"]["labels"][LABEL_REVISION] = short(unlabelled(template))
    name = f"{STORED['metadata']['name'].rpartition('-')[0]}-{short([STORED['data']['spec'], template])}"
    return {
        **STORED,
        "metadata": {**STORED["metadata"], "name": name},
        "data": {**STORED["data"], "template": template},
    }


def test_what_was_stored_is_read_as_it_was():
    assert Revision.parse(STORED) == models.revision()
    assert Revision.parse(forged()) == models.revision()


def test_what_was_stored_of_a_models_files_is_read_as_it_was():
    md = models.model({"model": {"uri": "hf://acme/model", "secretRef": {"name": "hf", "key": "token"}}})
    made = models.revision(md)
    read = Revision.parse(render.controller_revision(md, "VLLM", made))
    assert read == made
    assert read is not None
    assert read.request == render.asked(md)
    assert read.found["base"].commit == models.COMMIT


def test_what_was_stored_of_an_engine_with_a_key_is_read_as_it_was():
    md = models.model({"exposure": "GatewayOnly"})
    made = models.revision(md)
    assert Revision.parse(render.controller_revision(md, "Simulator", made)) == made


def test_of_the_kinds_of_exposure_only_the_one_with_a_key_is_another_intent():
    assert intent_of(models.model({"exposure": "Cluster"}).spec) == intent_of(PLAIN.spec)
    assert intent_of(models.model({"exposure": "GatewayOnly"}).spec)["exposure"] == "GatewayOnly"


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "x", "secret": {"secretName": "other"}},
        {"name": "engine-key", "secret": {"secretName": "chat-engine-key"}},
        {"name": "x", "persistentVolumeClaim": {"claimName": "other"}},
        {"name": "x", "hostPath": {"path": "/"}},
        {"name": "x", "emptyDir": {}, "hostPath": {"path": "/"}},
    ],
)
def test_a_template_mounts_only_what_its_spec_names(volume):
    md = models.model({"model": {"uri": "hf://acme/model", "secretRef": {"name": "hf", "key": "token"}}})
    pod = models.revision(md).data["template"]["spec"]
    spec = {"model": {"uri": "hf://acme/model", "secretRef": {"name": "hf", "key": "token"}}}
    allowed = mountable(spec, pod["serviceAccountName"])
    assert harmless(pod, pod["serviceAccountName"], allowed)
    assert not harmless({**pod, "volumes": [*pod["volumes"], volume]}, pod["serviceAccountName"], allowed)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        "text",
        {"spec": {}, "template": {}},
        {"spec": {}, "template": "x", "effective": {}},
        {**STORED["data"], "effective": {}},
        {**STORED["data"], "spec": {"model": {"uri": "sim://other"}}},
    ],
)
def test_a_controller_revision_of_other_making_is_none_of_ours(data):
    assert Revision.parse({**STORED, "data": data}) is None


@pytest.mark.parametrize(
    "pod",
    [
        {"hostNetwork": True},
        {"serviceAccountName": "paceline-operator"},
        {"automountServiceAccountToken": True},
        {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
        {"securityContext": {"runAsNonRoot": False}},
        {
            "containers": [
                {**STORED["data"]["template"]["spec"]["containers"][0], "securityContext": {"privileged": True}}
            ]
        },
        {"containers": [{**STORED["data"]["template"]["spec"]["containers"][0], "envFrom": []}]},
    ],
)
def test_a_template_that_takes_rights_is_not_applied_for_whoever_wrote_it(pod):
    assert Revision.parse(forged(**pod)) is None


def test_the_fingerprint_is_of_what_answers_and_not_of_where_it_runs():
    assert models.revision().fingerprint == models.revision(profile=MOVED).fingerprint
    assert models.revision().fingerprint != models.revision(SEEDED).fingerprint


class TestPlaces:
    old, new = models.revision(number=1), models.revision(SEEDED, number=2)

    def found(self, *ready, settled=False, stable="", stored=None):
        choice = picked(models.revision(SEEDED, number=0), self.old, self.new)
        return places(choice, stored or [self.old, self.new], ready, settled=settled, stable=stable)

    def test_after_a_rollout_the_revision_in_force_is_the_stable_one(self):
        assert self.found(self.new.label, settled=True) == (Place(self.new.name, 1), None)

    def test_in_a_rollout_the_one_before_is_still_the_stable_one(self):
        found = self.found(self.old.label, self.old.label, self.new.label, stable=self.old.name)
        assert found == (Place(self.old.name, 2), Place(self.new.name, 1))

    def test_where_nothing_is_remembered_the_latest_with_ready_pods_counts_as_stable(self):
        assert self.found(self.old.label)[0] == Place(self.old.name, 1)

    def test_on_the_way_back_the_stable_one_stays_the_stable_one(self):
        found = self.found(self.old.label, self.new.label, stable=self.new.name)
        assert found == (Place(self.new.name, 1), None)

    def test_a_first_rollout_has_no_stable_revision(self):
        assert self.found(stored=[self.new]) == (None, Place(self.new.name, 0))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b: 1 → 2"),
        ({"c": [{"name": "x", "v": 1}]}, {"c": [{"name": "y"}, {"name": "x", "v": 2}]}, "c[x].v: 1 → 2"),
        ({"l": ["a", "b"]}, {"l": ["a"]}, "l[1]: b → nothing"),
        ({"a": True}, {"a": [1]}, "a: true → [1]"),
        ({"a": "x" * 100}, {}, f"a: {'x' * 59}… → nothing"),
        ({str(n): n for n in range(6)}, {}, " and 2 more"),
    ],
)
def test_differences_are_said_leaf_by_leaf(before, after, said):
    found = difference(before, after)
    assert (said in found) if said else found == ""


def test_consent_to_a_gateway_is_no_new_revision():
    shared = models.model({"sharedWith": [{"gatewayNamespace": "platform"}]})
    assert intent_of(shared.spec) == intent_of(PLAIN.spec)
