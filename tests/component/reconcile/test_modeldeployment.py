"""The story against the fake API server; the resync stands in for the watch."""

import pytest

from paceline.errors import Conflict, Transient
from paceline.kube.cache import Owner
from paceline.kube.resources import CONTROLLERREVISIONS
from paceline.settings import OperatorSettings
from tests.support.apiserver import Fault
from tests.support.story import KEY, Story
from tests.support.worlds import client, condition, configuration, model, status


async def test_a_new_object_gets_its_children_and_a_status_in_one_write(world):
    outcome = await world.reconcile()
    kinds = {
        kind: len(world.server.all(kind)) for kind in ("Deployment", "Service", "ServiceAccount", "PodDisruptionBudget")
    }
    assert kinds == dict.fromkeys(kinds, 1)
    assert [call.path.split("/")[-1] for call in world.server.writes("modeldeployments")] == ["status"]
    call = world.server.writes("modeldeployments")[0]
    assert call.query["fieldManager"] == "paceline-modeldeployment-status"
    assert call.body["metadata"]["resourceVersion"]
    assert condition(world.server, "Accepted")["status"] == "True"
    assert outcome.result == "done"


async def test_looking_again_writes_nothing(world):
    await world.reconcile()
    await world.reconcile()
    before = len(world.server.writes())
    for _ in range(3):
        await world.reconcile()
    assert len(world.server.writes()) == before


async def test_ready_follows_the_pods_and_each_transition_is_told_once(world):
    await world.reconcile()
    await world.reconcile()
    assert condition(world.server, "Available")["reason"] == "EngineStarting"
    world.pods_become_ready()
    await world.reconcile()
    await world.reconcile()
    assert condition(world.server, "Ready")["reason"] == "NotProbed"
    assert status(world.server)["display"]["replicas"] == "1/1"
    assert [one.reason for one in world.told if one.reason == "NotProbed"] == ["NotProbed"]
    assert all(one.type == "Normal" for one in world.told)


async def test_the_first_words_about_an_object_are_no_events(world):
    await world.reconcile()
    assert world.told == []


async def test_an_unknown_profile_is_said_and_what_was_applied_stays(world):
    await world.reconcile()
    applied = world.server.all("Deployment")
    world.settings = OperatorSettings.model_validate({**configuration(), "profiles": []})
    outcome = await world.reconcile()
    assert condition(world.server, "Accepted")["reason"] == "UnknownProfile"
    assert world.server.all("Deployment") == applied
    assert [one.type for one in world.told if one.reason == "UnknownProfile"] == ["Warning"]
    assert (outcome.result, outcome.failed, outcome.again_after) == ("UnknownProfile", False, 60.0)


async def test_a_spec_that_cannot_be_read_is_said_without_a_trace(world):
    world.server.put(model(engine={"type": "Nonsense"}))
    outcome = await world.reconcile()
    assert condition(world.server, "Accepted")["reason"] == "InvalidSpec"
    assert outcome.result == "InvalidSpec"


async def test_a_quota_is_waited_for_with_back_off(world):
    words = "exceeded quota: small, requested: services=1"
    world.server.faults = [Fault(lambda call: "services" in call.path and call.write, status=403, message=words)]
    outcome = await world.reconcile()
    assert outcome.failed
    assert condition(world.server, "Ready")["reason"] == "QuotaExceeded"
    await world.reconcile()
    assert condition(world.server, "Accepted")["status"] == "True"


async def test_a_status_decided_on_a_stale_object_is_not_written(world):
    await world.resync.compare()
    world.server.put(model(replicas=2))
    with pytest.raises(Conflict):
        await world.story.reconcile(KEY)
    assert status(world.server) == {}
    await world.reconcile()
    assert status(world.server)["observedGeneration"] == 2


async def test_an_object_that_is_gone_or_going_is_left_to_garbage_collection(world):
    await world.reconcile()
    before = len(world.server.writes())
    known = world.server.get("ModelDeployment", "ml", "chat")
    world.server.put({**known, "metadata": {**known["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    assert (await world.reconcile()).result == "gone"
    world.server.remove(world.server.get("ModelDeployment", "ml", "chat"))
    assert (await world.reconcile()).result == "gone"
    assert len(world.server.writes()) == before


async def test_the_status_that_was_written_is_what_the_next_look_compares_with(world):
    await world.resync.compare()
    await world.story.reconcile(KEY)
    version = world.cache.owners[KEY].version
    assert version == world.server.get("ModelDeployment", "ml", "chat")["metadata"]["resourceVersion"]
    await world.story.reconcile(KEY)
    assert isinstance(world.cache.owners[KEY], Owner)


async def test_a_new_object_whose_children_cannot_be_applied_just_now_says_that_nothing_is_known(world):
    world.server.faults = [Fault(lambda call: call.method == "PATCH", status=500, message="webhook is down")]
    with pytest.raises(Transient):
        await world.reconcile()
    ready = condition(world.server, "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", "NotYetObserved")
    assert "webhook is down" in ready["message"]
    await world.reconcile()
    assert condition(world.server, "Accepted")["status"] == "True"


class TestRevisions:
    """Which template is applied when specs, releases and profiles change."""

    @staticmethod
    def template(world):
        return world.server.all("Deployment")[0]["spec"]["template"]

    @staticmethod
    def kept(world):
        return sorted((one["revision"], one["metadata"]["name"]) for one in world.server.all("ControllerRevision"))

    @staticmethod
    def upgrade(world):
        """The profile is rendered otherwise, as after a change of the chart."""
        profile = {"name": "cpu", "nodeSelector": {"zone": "b"}}
        world.settings = OperatorSettings.model_validate(configuration(profiles=[profile]))

    @staticmethod
    async def change(world, **spec):
        world.server.put({**model(**spec), "metadata": {**world.server.get("ModelDeployment", *KEY)["metadata"]}})
        await world.reconcile()

    async def test_an_upgrade_of_the_operator_alone_changes_no_pod_and_says_what_differs(self, world):
        await world.reconcile()
        before = self.template(world)
        world.pods_become_ready()
        self.upgrade(world)
        await world.reconcile()
        assert self.template(world) == before
        assert len(self.kept(world)) == 1
        progressing = condition(world.server, "Progressing")
        assert (progressing["status"], progressing["reason"]) == ("False", "PendingDrift")
        assert 'spec.nodeSelector: nothing → {"zone": "b"}' in progressing["message"]
        assert condition(world.server, "Ready")["status"] == "True"
        assert condition(world.server, "Accepted")["status"] == "True"

    async def test_an_upgrade_is_followed_where_the_spec_asks_for_it(self, world):
        await world.reconcile()
        await self.change(world, rollout={"onOperatorUpgrade": "Auto"})
        self.upgrade(world)
        await world.reconcile()
        assert self.template(world)["spec"]["nodeSelector"] == {"zone": "b"}
        assert [number for number, _ in self.kept(world)] == [1, 2]

    async def test_a_change_of_the_spec_takes_the_upgrade_over(self, world):
        await world.reconcile()
        self.upgrade(world)
        await self.change(world, engine={"args": ["--x"], "custom": {"inference": "None"}})
        assert self.template(world)["spec"]["nodeSelector"] == {"zone": "b"}

    async def test_a_spec_that_comes_back_brings_its_template_back_as_it_was(self, world):
        await world.reconcile()
        before = self.template(world)
        await self.change(world, engine={"args": ["--x"], "custom": {"inference": "None"}})
        self.upgrade(world)
        await self.change(world)
        assert self.template(world) == before
        assert [number for number, _ in self.kept(world)] == [2, 3]

    async def test_history_is_as_long_as_the_spec_says(self, world):
        for number in range(6):
            args = [f"--x={number}"]
            await self.change(
                world,
                engine={"args": args, "custom": {"inference": "None"}},
                rollout={"revisionHistoryLimit": 2},
            )
        assert [number for number, _ in self.kept(world)] == [3, 4, 5, 6], "pods of number 5 may still run"
        await world.reconcile()
        assert [number for number, _ in self.kept(world)] == [4, 5, 6]

    async def test_replicas_and_rollout_make_no_revision(self, world):
        await world.reconcile()
        await self.change(world, replicas=3, rollout={"progressDeadlineSeconds": 7200})
        assert len(self.kept(world)) == 1

    async def test_a_restarted_operator_goes_on_with_what_is_kept(self, world, tmp_path):
        await world.reconcile()
        before = self.template(world)
        async with client(world.server, tmp_path) as api:
            successor = Story(world.server, api)
            self.upgrade(successor)
            await successor.resync.prime()
            await successor.reconcile()
        assert self.template(world) == before
        assert len(self.kept(world)) == 1

    async def test_a_revision_that_a_leader_before_this_one_made_a_moment_ago_is_not_rolled_back(self, world):
        await world.reconcile()
        before = self.template(world)
        await world.resync.compare()
        for resource, key, _ in list(world.cache.owned(KEY)):
            if resource is CONTROLLERREVISIONS:
                world.cache.drop(resource, key)  # as if it had been made after this one looked
        self.upgrade(world)
        await world.story.reconcile(KEY)
        assert self.template(world) == before


class TestAChangeInMidRollout:
    """The Deployment controller is played here: it says what it has noticed, and how many pods there are."""

    @staticmethod
    def deployment(world):
        return world.server.all("Deployment")[0]

    def noticed(self, world, **counts):
        """It has seen the spec, and says how far it is."""
        there = self.deployment(world)
        usual = {"replicas": 4, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3}
        status = {"observedGeneration": there["metadata"]["generation"], **usual, **counts}
        world.server.put({**there, "status": status})

    def replica_set(self, world, name, pods, *, seen=True):
        """One of this Deployment's, with pods that are available."""
        maker = self.deployment(world)
        labels, owner = maker["spec"]["template"]["metadata"]["labels"], {"uid": maker["metadata"]["uid"]}
        metadata = {"name": name, "namespace": "ml", "labels": labels, "ownerReferences": [owner]}
        status = {"observedGeneration": 1 if seen else 0, "replicas": pods, "availableReplicas": min(pods, 3)}
        body = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": {"replicas": pods}}
        world.server.put({**body, "status": status})

    async def asked(self, world, number, replicas, **rollout):
        engine = {"args": [f"--x={number}"], "custom": {"inference": "None"}}
        spec = {"replicas": replicas, "engine": engine, "rollout": rollout}
        await TestRevisions.change(world, **spec)
        return self.deployment(world)["spec"]

    async def test_it_is_paused_then_scaled_then_given_the_template(self, world):
        first = await self.asked(world, 1, 3)
        self.noticed(world)
        paused = await self.asked(world, 2, 5)
        assert paused == {**first, "paused": True}
        assert len(world.server.all("ControllerRevision")) == 2
        assert condition(world.server, "Progressing")["reason"] == "RolloutInProgress"
        self.replica_set(world, "old", 3, seen=False)
        self.replica_set(world, "new", 1)
        self.noticed(world, availableReplicas=4)
        assert (await world.reconcile()).again_after == 0.5
        assert self.deployment(world)["spec"] == paused, "one has not caught up yet"
        self.replica_set(world, "old", 3)
        await world.reconcile()
        assert self.deployment(world)["spec"] == {**paused, "replicas": 5}
        self.noticed(world, availableReplicas=4)
        await world.reconcile()
        done = self.deployment(world)["spec"]
        assert "paused" not in done
        assert (done["replicas"], done["template"]["spec"]["containers"][0]["args"]) == (5, ["--x=2"])

    async def test_while_it_is_paused_it_keeps_its_surge(self, world):
        """Kubernetes ends pods of a paused Deployment at once where fewer are allowed, also such that serve."""
        first = await self.asked(world, 1, 3, maxSurge=2)
        self.noticed(world)
        fewer = {"maxSurge": 0, "maxUnavailable": 1}
        assert await self.asked(world, 2, 3, **fewer) == {**first, "paused": True}
        self.noticed(world, replicas=0, availableReplicas=0)
        await world.reconcile()
        assert self.deployment(world)["spec"]["strategy"]["rollingUpdate"] == fewer

    async def test_what_it_was_told_last_counts_although_no_watch_has_shown_it(self, world):
        """A view from before the last write would put the template of then back."""
        await self.asked(world, 1, 3)
        self.noticed(world)
        assert (await self.asked(world, 2, 3))["paused"]
        self.noticed(world, replicas=0, availableReplicas=0)
        await world.resync.compare()
        await world.story.reconcile(KEY)
        told = self.deployment(world)["spec"]
        assert "paused" not in told
        self.replica_set(world, "new", 1)
        await world.story.reconcile(KEY)
        assert self.deployment(world)["spec"] == told

    async def test_a_view_that_is_behind_somebody_elses_write_is_not_acted_on(self, world):
        await self.asked(world, 1, 3)
        self.noticed(world)
        await world.resync.compare()
        there = self.deployment(world)
        world.server.put({**there, "spec": {**there["spec"], "replicas": 2}})
        spec = {"replicas": 3, "engine": {"args": ["--x=2"], "custom": {"inference": "None"}}, "rollout": {}}
        changed = {**model(**spec), "metadata": world.server.get("ModelDeployment", *KEY)["metadata"]}
        world.cache.put_owner(KEY, Owner.parse(world.server.put(changed)))
        before = self.deployment(world)
        with pytest.raises(Conflict):
            await world.story.reconcile(KEY)
        assert self.deployment(world)["spec"] == before["spec"]
        await world.story.reconcile(KEY)
        assert self.deployment(world)["spec"] == before["spec"], "its controller has not noticed the other one's yet"

    async def test_where_replicasets_may_not_be_read_it_does_not_stay_paused(self, world):
        await self.asked(world, 1, 3)
        self.noticed(world)
        assert (await self.asked(world, 2, 3))["paused"]
        world.server.faults = [Fault(lambda call: "/replicasets" in call.path, status=403)]
        self.noticed(world)
        await world.reconcile()
        done = self.deployment(world)["spec"]
        assert "paused" not in done
        assert done["template"]["spec"]["containers"][0]["args"] == ["--x=2"]

    async def test_recreate_ends_all_pods_anyway_and_waits_for_nothing(self, world):
        await self.asked(world, 1, 3)
        self.noticed(world)
        await TestRevisions.change(world, replicas=2, rollout={"strategy": "Recreate"})
        assert self.deployment(world)["spec"]["replicas"] == 2

    async def test_an_operator_that_died_in_between_is_followed_by_one_that_goes_on(self, world, tmp_path):
        first = await self.asked(world, 1, 3)
        self.noticed(world)
        assert (await self.asked(world, 2, 3))["paused"]
        self.noticed(world)
        async with client(world.server, tmp_path) as api:
            successor = Story(world.server, api)
            await successor.resync.prime()
            for number in ("old", "new"):
                self.replica_set(world, number, {"old": 3, "new": 1}[number])
            self.noticed(world, availableReplicas=4)
            world.server.put(
                {
                    **model(replicas=3, engine={"args": ["--x=1"], "custom": {"inference": "None"}}),
                    "metadata": world.server.get("ModelDeployment", *KEY)["metadata"],
                }
            )
            await successor.reconcile()
        assert self.deployment(world)["spec"] == first, "the change was taken back meanwhile"


class TestADeletionThatNoWatchTold:
    """Kubernetes has taken the object and then a child of it; of the object itself nothing was heard."""

    @staticmethod
    async def unheard(world, *, anew=False):
        """The object is gone (or made anew), and its Deployment with it; only the Deployment's end was told."""
        await world.reconcile()
        await world.reconcile()
        owner, deployment = world.server.all("ModelDeployment")[0], world.server.all("Deployment")[0]
        world.server.remove(owner)
        world.server.remove(deployment)
        if anew:
            world.server.put(model())
        known = world.cache.owners[KEY]
        await world.resync.compare()
        world.cache.owners[KEY] = known
        return len(world.server.writes())

    async def test_nothing_is_made_again_for_an_owner_that_is_gone(self, world):
        before = await self.unheard(world)
        assert (await world.story.reconcile(KEY)).result == "gone"
        assert len(world.server.writes()) == before
        assert KEY not in world.cache.owners

    async def test_nothing_is_made_in_the_name_of_an_earlier_object(self, world):
        before = await self.unheard(world, anew=True)
        with pytest.raises(Conflict):
            await world.story.reconcile(KEY)
        assert len(world.server.writes()) == before
        assert world.cache.owners[KEY].uid == world.server.all("ModelDeployment")[0]["metadata"]["uid"]

    async def test_a_child_that_somebody_else_deleted_is_made_again(self, world):
        await world.reconcile()
        await world.reconcile()
        world.server.remove(world.server.all("Deployment")[0])
        await world.reconcile()
        assert world.server.all("Deployment")

    async def test_a_new_object_costs_no_second_look(self, world):
        await world.reconcile()
        looks = [call for call in world.server.calls if call.path.endswith("/modeldeployments/chat") and not call.write]
        assert len(looks) <= 1  # the resync's own
