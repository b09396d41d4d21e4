import pytest

from paceline.api.digest import digest
from paceline.api.names import ANNOTATION_APPLIED
from paceline.errors import Conflict, Fenced, Stalled, Transient, Waiting
from paceline.kube.apply import Applier
from paceline.kube.cache import Cache
from paceline.kube.family import MODELS
from paceline.kube.resources import SERVICEACCOUNTS, SERVICES, Key
from paceline.kube.resync import Resync
from tests.support.apiserver import FakeApiServer, Fault
from tests.support.worlds import child, client

OWNER = Key("ml", "chat")
KEY = Key("ml", "chat-1")


def manifests(port: int = 80):
    return [
        child("Service", spec={"ports": [{"port": port}]}),
        child("ServiceAccount", automountServiceAccountToken=False),
    ]


@pytest.fixture
async def world(tmp_path):
    async with FakeApiServer().running() as server, client(server, tmp_path) as api:
        yield server, Applier(api, Cache(MODELS))


async def apply(applier, wanted=None, uid="uid-1"):
    return await applier.apply(OWNER, uid, manifests() if wanted is None else wanted)


async def test_children_are_made_in_order_with_their_digest_and_our_manager(world):
    server, applier = world
    assert await apply(applier) == 2
    assert [call.path.split("/")[-2] for call in server.writes()] == ["serviceaccounts", "services"]
    made = server.get("Service", "ml", "chat-1")
    assert made["metadata"]["annotations"] == {ANNOTATION_APPLIED: digest(manifests()[0])}
    assert {call.query["fieldManager"] for call in server.writes()} == {"paceline-modeldeployment"}


async def test_what_is_already_so_is_not_sent_again(world):
    server, applier = world
    await apply(applier)
    assert await apply(applier) == 0
    assert len(server.writes()) == 2


async def test_a_change_is_sent_by_force_and_only_to_the_state_that_was_decided_on(world):
    server, applier = world
    await apply(applier)
    version = server.get("Service", "ml", "chat-1")["metadata"]["resourceVersion"]
    assert await apply(applier, manifests(port=81)) == 1
    call = server.writes()[-1]
    assert call.query["force"] == "true"
    assert call.body["metadata"]["resourceVersion"] == version
    assert call.body["metadata"]["uid"]


async def test_a_hand_in_our_fields_is_undone(world):
    server, applier = world
    await apply(applier)
    edited = server.put({**server.get("Service", "ml", "chat-1"), "spec": {"ports": [{"port": 99}]}})
    resync = Resync(applier.api, applier.cache, ("ml",), lambda _: None)
    assert await resync.compare() == 1
    assert await apply(applier) == 1
    assert edited["spec"] != server.get("Service", "ml", "chat-1")["spec"] == {"ports": [{"port": 80}]}


async def test_a_stale_view_costs_one_look_and_one_more_try(world):
    server, applier = world
    await apply(applier)
    server.put({**server.get("Service", "ml", "chat-1"), "status": {"moved": True}})
    assert await apply(applier, manifests(port=81)) == 1
    assert server.get("Service", "ml", "chat-1")["spec"] == {"ports": [{"port": 81}]}
    server.faults = [Fault(lambda call: call.method == "PATCH", times=2, status=409)]
    with pytest.raises(Conflict):
        await apply(applier, manifests(port=82))


async def test_an_object_that_is_not_ours_is_left_alone_and_does_not_stop_the_others(world):
    server, applier = world
    stranger = server.put({**child(), "metadata": {"name": "chat-1", "namespace": "ml"}, "spec": {"theirs": 1}})
    with pytest.raises(Stalled, match=r"ChildConflict: a Service named chat-1 .*not ours"):
        await apply(applier)
    assert server.get("Service", "ml", "chat-1") == stranger
    assert server.get("ServiceAccount", "ml", "chat-1") is not None


@pytest.mark.parametrize("owner_uid", ["", "somebody"])
async def test_our_label_alone_makes_nothing_ours(world, owner_uid):
    server, applier = world
    server.put(child(owner_uid=owner_uid))
    with pytest.raises(Stalled, match="ChildConflict"):
        await apply(applier)


async def test_a_child_of_an_earlier_object_of_the_name_is_waited_for(world):
    server, applier = world
    await apply(applier, uid="uid-1")
    wanted = [
        child(one["kind"], owner_uid="uid-2", **{k: v for k, v in one.items() if k in ("spec",)}) for one in manifests()
    ]
    with pytest.raises(Waiting, match="garbage collection"):
        await apply(applier, wanted, uid="uid-2")
    for kind in ("Service", "ServiceAccount"):
        server.remove(server.get(kind, "ml", "chat-1"))
    resync = Resync(applier.api, applier.cache, ("ml",), lambda _: None)
    await resync.compare()
    assert await apply(applier, wanted, uid="uid-2") == 2


async def test_children_of_an_earlier_object_that_are_gone_are_not_waited_for(world):
    server, applier = world
    await apply(applier, uid="uid-1")
    for kind in ("Service", "ServiceAccount"):
        server.remove(server.get(kind, "ml", "chat-1"))  # garbage collection, which nobody watches
    wanted = [child(one["kind"], owner_uid="uid-2") for one in manifests()]
    assert await apply(applier, wanted, uid="uid-2") == 2


async def test_a_child_that_lost_its_label_is_still_ours_by_its_owner_reference(world):
    server, applier = world
    await apply(applier)
    known = server.get("Service", "ml", "chat-1")
    server.put({**known, "metadata": {**known["metadata"], "labels": {}}})
    applier.cache.drop(SERVICES, KEY)  # as the watch does, which follows the label
    assert await apply(applier) == 1
    assert server.get("Service", "ml", "chat-1")["metadata"]["labels"]["paceline.dev/modeldeployment"] == "chat"


async def test_a_child_that_is_being_deleted_is_waited_for(world):
    server, applier = world
    await apply(applier)
    known = server.get("Service", "ml", "chat-1")
    server.put({**known, "metadata": {**known["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await Resync(applier.api, applier.cache, ("ml",), lambda _: None).compare()
    with pytest.raises(Waiting, match="being deleted"):
        await apply(applier)


async def test_a_refused_child_is_said_after_the_others_were_made(world):
    server, applier = world
    server.faults = [Fault(lambda call: "serviceaccounts" in call.path and call.write, status=422, message="bad name")]
    with pytest.raises(Stalled, match=r"ApplyRefused.*bad name"):
        await apply(applier)
    assert server.get("Service", "ml", "chat-1") is not None


async def test_a_network_error_ends_the_attempt_at_once(world):
    server, applier = world
    server.faults = [Fault(lambda call: call.write, lose=True)]
    with pytest.raises(Transient):
        await apply(applier)
    assert server.get("Service", "ml", "chat-1") is None


async def test_a_write_whose_answer_was_lost_is_found_done(world):
    server, applier = world
    server.faults = [Fault(lambda call: call.write, lose=True)]
    with pytest.raises(Transient):
        await apply(applier)
    assert await apply(applier) == 2
    assert len(server.all("ServiceAccount")) == 1


async def test_what_is_not_rendered_any_more_is_deleted_after_a_live_look(world):
    server, applier = world
    await apply(applier)
    assert await apply(applier, manifests()[:1]) == 1
    call = server.writes()[-1]
    assert (call.method, call.path.split("/")[-2]) == ("DELETE", "serviceaccounts")
    assert set(call.body["preconditions"]) == {"uid", "resourceVersion"}
    assert server.get("ServiceAccount", "ml", "chat-1") is None


async def test_what_changed_hands_since_it_was_seen_is_not_deleted(world):
    server, applier = world
    await apply(applier)
    known = server.get("ServiceAccount", "ml", "chat-1")
    server.put({**known, "metadata": {**known["metadata"], "ownerReferences": []}})
    assert await apply(applier, manifests()[:1]) == 0
    server.remove(server.get("ServiceAccount", "ml", "chat-1"))
    await Resync(applier.api, applier.cache, ("ml",), lambda _: None).compare()
    assert await apply(applier, manifests()[:1]) == 0


async def test_a_child_that_vanished_before_its_deletion_is_forgotten(world):
    server, applier = world
    await apply(applier)
    server.faults = [Fault(lambda call: call.method == "DELETE", status=404)]
    assert await apply(applier, manifests()[:1]) == 1
    assert KEY not in applier.cache.children[SERVICEACCOUNTS]
    server.put(child("ServiceAccount"))
    await Resync(applier.api, applier.cache, ("ml",), lambda _: None).compare()
    server.remove(server.get("ServiceAccount", "ml", "chat-1"))
    assert await apply(applier, manifests()[:1]) == 0


async def test_after_a_restart_nothing_is_sent_for_children_that_are_as_rendered(world):
    server, applier = world
    await apply(applier)
    again = Applier(applier.api, Cache(MODELS))
    await Resync(again.api, again.cache, ("ml",), lambda _: None).prime()
    before = len(server.writes())
    assert await apply(again) == 0
    assert len(server.writes()) == before
    assert again.cache.matches(SERVICES, KEY, digest(manifests()[0]))


async def test_after_a_restart_a_child_that_was_changed_meanwhile_is_corrected(world):
    server, applier = world
    await apply(applier)
    server.put({**server.get("Service", "ml", "chat-1"), "spec": {"ports": []}})
    again = Applier(applier.api, Cache(MODELS))
    await Resync(again.api, again.cache, ("ml",), lambda _: None).prime()
    assert await apply(again) == 1


async def test_without_the_lease_nothing_is_sent(world):
    server, applier = world
    applier.api._fence = type("Closed", (), {"remaining": lambda self: 0.0})()
    with pytest.raises(Fenced):
        await apply(applier)
    assert server.writes() == []


def history(name="chat-1-r1", number=1):
    return child("ControllerRevision", name=name, revision=number, data={})


async def test_a_template_is_not_applied_before_its_revision_is_kept(world):
    server, applier = world
    server.faults = [Fault(lambda call: "/controllerrevisions/" in call.path and call.write, status=403)]
    wanted = [*manifests(), history(), child("Deployment", spec={"template": {}})]
    with pytest.raises(Waiting, match="ApplyRefused"):
        await apply(applier, wanted)
    assert server.get("Deployment", "ml", "chat-1") is None
    assert server.get("Service", "ml", "chat-1") is not None
    await apply(applier, wanted)
    assert server.get("Deployment", "ml", "chat-1") is not None


async def test_revisions_that_are_not_rendered_are_removed_only_where_they_are_obsolete(world):
    server, applier = world
    await apply(applier, [history("chat-1-r1"), history("chat-1-r2", 2)])
    await apply(applier, [history("chat-1-r2", 2)])
    assert len(server.all("ControllerRevision")) == 2
    await applier.apply(OWNER, "uid-1", [history("chat-1-r2", 2)], obsolete=[Key("ml", "chat-1-r1")])
    assert [one["metadata"]["name"] for one in server.all("ControllerRevision")] == ["chat-1-r2"]
