from paceline.kube.cache import Cache, Child, Owner, newer
from paceline.kube.family import MODELS
from paceline.kube.hints import Hint, take
from paceline.kube.resources import (
    DEPLOYMENTS,
    ENDPOINTSLICES,
    MODELDEPLOYMENTS,
    PODDISRUPTIONBUDGETS,
    PODS,
    SERVICES,
    Key,
)
from paceline.kube.subset import covers
from tests.support.worlds import child, model

OWNER = Key("ml", "chat")
KEY = Key("ml", "chat-1")


def seen(obj, version="5", uid="u1", generation=None, **metadata):
    extra = {"resourceVersion": version, "uid": uid, **metadata}
    if generation is not None:
        extra["generation"] = generation
    return {**obj, "metadata": {**obj["metadata"], **extra}}


def service(version="5", **metadata):
    return Child.parse(MODELS, SERVICES, seen(child(), version, **metadata))


def deployment(version="5", generation=1, ready=0, **metadata):
    spec = {"replicas": 1, "template": {}}
    raw = child("Deployment", spec=spec, status={"readyReplicas": ready})
    return Child.parse(MODELS, DEPLOYMENTS, seen(raw, version, generation=generation, **metadata))


def test_resource_versions_are_compared_as_numbers():
    assert newer("10", "9")
    assert not newer("9", "10")
    assert not newer("a", "a")
    assert newer("b", "a"), "an unknown form counts as later"


def test_an_object_without_our_label_is_no_child():
    assert Child.parse(MODELS, SERVICES, seen({**child(), "metadata": {"name": "x", "namespace": "ml"}})) is None


def test_an_older_state_never_replaces_a_newer_one():
    cache = Cache(MODELS)
    assert cache.put(SERVICES, KEY, service("5"))
    assert not cache.put(SERVICES, KEY, service("4"))
    assert cache.version(SERVICES, KEY) == "5"
    assert cache.version(SERVICES, Key("ml", "x")) is None


def test_a_change_that_no_decision_reads_is_no_news_and_is_kept_nevertheless():
    cache = Cache(MODELS)
    cache.put(DEPLOYMENTS, KEY, deployment("5"))
    assert not cache.put(DEPLOYMENTS, KEY, deployment("6"))
    assert cache.version(DEPLOYMENTS, KEY) == "6"
    assert cache.put(DEPLOYMENTS, KEY, deployment("7", ready=1))
    assert cache.put(DEPLOYMENTS, KEY, deployment("8", ready=1, labels={**child()["metadata"]["labels"], "x": "y"}))


def test_metadata_alone_keeps_the_known_view_and_a_late_body_fills_it_in():
    cache = Cache(MODELS)
    raw = seen(child("Deployment", spec={"template": {}}), "5", generation=1)
    cache.put(DEPLOYMENTS, KEY, Child.parse(MODELS, DEPLOYMENTS, raw, whole=False))
    assert cache.children[DEPLOYMENTS][KEY].view is None
    assert cache.put(DEPLOYMENTS, KEY, deployment("4"))
    assert cache.children[DEPLOYMENTS][KEY].view is not None
    assert cache.version(DEPLOYMENTS, KEY) == "5"
    cache.put(
        DEPLOYMENTS,
        KEY,
        Child.parse(MODELS, DEPLOYMENTS, {**raw, "metadata": {**raw["metadata"], "resourceVersion": "9"}}, whole=False),
    )
    assert cache.children[DEPLOYMENTS][KEY].view is not None


def test_a_child_that_is_relabelled_changes_its_owner():
    cache = Cache(MODELS)
    cache.put(SERVICES, KEY, service("5"))
    labels = {**child()["metadata"]["labels"], "paceline.dev/modeldeployment": "other"}
    cache.put(SERVICES, KEY, service("6", labels=labels))
    assert list(cache.owned(OWNER)) == []
    assert [key for _, key, _ in cache.owned(Key("ml", "other"))] == [KEY]


def test_dropping_another_incarnation_changes_nothing():
    cache = Cache(MODELS)
    cache.put(SERVICES, KEY, service("5"))
    assert cache.drop(SERVICES, KEY, "other") is None
    assert cache.drop(SERVICES, KEY, "u1") is not None
    assert cache.drop(SERVICES, KEY) is None
    assert list(cache.owned(OWNER)) == []


def test_owners_lose_their_managed_fields_and_keep_the_rest():
    cache = Cache(MODELS)
    owner = Owner.parse(seen(model(), "5", managedFields=[{"manager": "kubectl"}]))
    assert cache.put_owner(OWNER, owner)
    assert "managedFields" not in cache.owners[OWNER].body["metadata"]
    assert not cache.put_owner(OWNER, owner)
    assert not cache.drop_owner(OWNER, "other")
    assert cache.drop_owner(OWNER, "u1")
    assert not cache.drop_owner(OWNER)


def test_a_service_matches_until_its_resource_version_moves():
    cache = Cache(MODELS)
    cache.put(SERVICES, KEY, service("5"))
    assert not cache.matches(SERVICES, KEY, "d")
    cache.record(SERVICES, KEY, "d", service("5"))
    assert cache.matches(SERVICES, KEY, "d")
    assert not cache.matches(SERVICES, KEY, "other")
    cache.put(SERVICES, KEY, service("6"))
    assert not cache.matches(SERVICES, KEY, "d")


def test_a_deployment_matches_through_status_changes_but_not_through_a_new_generation_or_label():
    cache = Cache(MODELS)
    cache.put(DEPLOYMENTS, KEY, deployment("5"))
    cache.record(DEPLOYMENTS, KEY, "d", deployment("5"))
    revision = {"deployment.kubernetes.io/revision": "1"}
    cache.put(DEPLOYMENTS, KEY, deployment("6", ready=1, annotations=revision))
    assert cache.matches(DEPLOYMENTS, KEY, "d")
    cache.put(DEPLOYMENTS, KEY, deployment("7", generation=2))
    assert not cache.matches(DEPLOYMENTS, KEY, "d")
    cache.put(DEPLOYMENTS, KEY, deployment("8", annotations={"theirs": "1"}))
    assert not cache.matches(DEPLOYMENTS, KEY, "d")
    cache.put(DEPLOYMENTS, KEY, deployment("9", deletionTimestamp="2026-01-01T00:00:00Z"))
    assert not cache.matches(DEPLOYMENTS, KEY, "d")


def test_a_body_is_kept_until_it_is_taken():
    cache = Cache(MODELS)
    cache.keep_body(SERVICES, KEY, {**seen(child()), "status": {"x": 1}})
    body = cache.take_body(SERVICES, KEY)
    assert body["metadata"]["uid"] == "u1"
    assert "status" not in body
    assert cache.take_body(SERVICES, KEY) is None


def test_hints_say_whom_to_look_at_and_how_soon():
    cache = Cache(MODELS)
    owner = Owner.parse(seen(model(), "5"))
    assert take(cache, Hint(MODELS, MODELDEPLOYMENTS, OWNER, owner, gone=False)) == (OWNER, True)
    assert take(cache, Hint(MODELS, MODELDEPLOYMENTS, OWNER, owner, gone=False)) is None
    assert take(cache, Hint(MODELS, SERVICES, KEY, service(), gone=False)) == (OWNER, False)
    assert take(cache, Hint(MODELS, SERVICES, KEY, service(), gone=True)) == (OWNER, False)
    assert take(cache, Hint(MODELS, MODELDEPLOYMENTS, OWNER, owner, gone=True)) == (OWNER, True)
    raw = child("EndpointSlice", endpoints=[
        {"addresses": ["10.0.0.2"], "conditions": {"ready": True}},
        {"addresses": ["10.0.0.1"], "conditions": {}},
        {"addresses": ["10.0.0.3"], "conditions": {"ready": False}},
    ])  # fmt: skip
    one = Child.parse(MODELS, ENDPOINTSLICES, seen(raw))
    assert take(cache, Hint(MODELS, ENDPOINTSLICES, KEY, one, gone=False)) is None
    assert cache.children[ENDPOINTSLICES][KEY].view.ready == ("10.0.0.1", "10.0.0.2")


def test_pods_and_budgets_are_read_for_what_matters():
    pod = Child.parse(MODELS, PODS, seen(child("Pod", status={"podIP": "10.0.0.1"})))
    budget = Child.parse(MODELS, PODDISRUPTIONBUDGETS, seen(child("PodDisruptionBudget"), generation=1))
    assert pod.view.ip == "10.0.0.1"
    assert budget.view is None


def test_a_live_object_covers_what_is_rendered_when_it_only_holds_more():
    live = {
        "a": 1,
        "list": [{"name": "x", "v": 1, "default": True}, {"name": "y"}],
        "args": ["1"],
        "owners": [{"uid": "u", "k": 1}],
    }
    assert covers(live, {"a": 1})
    assert covers(live, {"list": [{"name": "y"}, {"name": "x", "v": 1}]})
    assert covers(live, {"owners": [{"uid": "u"}]})
    assert covers(live, {"missing": {}, "none": [], "null": None})


def test_every_difference_is_seen():
    live = {"a": 1, "list": [{"name": "x", "v": 1}], "args": ["1", "2"], "flag": True, "map": "text"}
    for wanted in (
        {"a": 2}, {"a": "1"}, {"flag": 1}, {"args": ["1"]}, {"args": ["2", "1"]}, {"list": [{"name": "z"}]},
        {"list": [{"name": "x", "v": 2}]}, {"new": 1}, {"new": {"x": 1}}, {"map": {"x": 1}}, {"map": ["x"]},
        {"a": None}, {"args": [{"name": "x"}]},
    ):  # fmt: skip
        assert not covers(live, wanted), wanted


def test_the_body_to_an_answer_that_came_first_is_taken():
    cache = Cache(MODELS)
    old = {**child("Deployment", spec={"replicas": 1, "template": {}})}
    old["metadata"] |= {"uid": "u", "resourceVersion": "10", "generation": 1}
    new = {**old, "spec": {"replicas": 3, "template": {}}, "metadata": {**old["metadata"], "resourceVersion": "11"}}
    key = Key("ml", "chat-1")
    cache.put(DEPLOYMENTS, key, Child.parse(MODELS, DEPLOYMENTS, old))
    cache.put(DEPLOYMENTS, key, Child.parse(MODELS, DEPLOYMENTS, new, whole=False))  # the answer to our own write
    assert not cache.whole(DEPLOYMENTS, key)
    assert cache.put(DEPLOYMENTS, key, Child.parse(MODELS, DEPLOYMENTS, new))  # what the watch says of it
    assert cache.children[DEPLOYMENTS][key].view.replicas == 3
    assert cache.whole(DEPLOYMENTS, key)
    assert not cache.put(DEPLOYMENTS, key, Child.parse(MODELS, DEPLOYMENTS, old))
