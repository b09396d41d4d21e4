"""Everything that can be wrong with a model but for its fields: each is named, with a remedy, and heals by itself.

All cases are made at once and cured at once, on a real kubelet; each test looks at its own. Those with a spec before
the wrong one serve first, and must go on. Wrong fields: see test_admission.py.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from paceline.api.names import child_name
from paceline.api.reasons import BY_NAME
from paceline.kube.resources import DEPLOYMENTS, MODELDEPLOYMENTS, PODS
from tests.support.models import merged
from tests.support.objects import LIMITS, objects_of
from tests.support.operator_process import NOWHERE, SIM, configuration, operating
from tests.support.product import condition, is_ready, modeldeployment
from tests.support.waiting import wait_until

NAMED_SECONDS = 30
#: A cured pod has to be made, to load and to be asked; controllers and kubelets back off up to as long as they waited.
HEALED_SECONDS = 90
IMAGE = "localhost/paceline:dev"
RUN = secrets.token_hex(3)
NAMESPACES = PLAIN, QUOTA, USED, SMALL, LIMITED, FULL = tuple(
    f"t-bad-{name}-{RUN}" for name in ("input", "quota", "used", "small", "limited", "full")
)
#: By namespace, what its quota has to be too little, and what it has afterwards.
QUOTAS = {
    QUOTA: ("count/services", "0", "9"),
    USED: ("count/pods", "1", "9"),
    SMALL: ("requests.cpu", "9m", "1"),
    FULL: ("count/pods", "1", "9"),
}
QUICK = ["--load-seconds=0"]
GPU = {**SIM, "name": "gpu", "acceleratorResource": "nvidia.com/gpu"}
LATER = {**SIM, "name": "later"}
TIGHT = {"name": "tight", "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}}}
HUGE = {"name": "huge", "resources": {"requests": {"cpu": "1M"}}}
ODD = {"name": "odd", "resources": {"requests": {"cpu": "0.0100", "memory": "65536Ki"}, "limits": {"memory": "1e9"}}}


def sim(*arguments, **spec):
    return merged({"engine": {"args": [*QUICK, *arguments]}, "lifecycle": {"drainSeconds": 0}}, spec)


def command(*words):
    """An engine of its own that runs a Python program."""
    return {
        "model": {"uri": f"image://{IMAGE}"},
        "hardware": {"profile": "sim"},
        "lifecycle": {"drainSeconds": 0},
        "engine": {"custom": {"command": list(words), "inference": "None"}},
    }


@dataclass(frozen=True)
class Case:
    """Something wrong with a model.

    Attributes:
        shows: Type of the condition that must be False.
        says: Words of its message, besides a remedy.
        cure: A change of the spec that heals it; None where something else does.
        before: A spec that serves before the wrong one comes, and while it is there; None: it is wrong from the start.
    """

    reason: str
    spec: dict[str, Any]
    says: tuple[str, ...]
    shows: str = "Available"
    cure: dict[str, Any] | None = None
    namespace: str = PLAIN
    before: dict[str, Any] | None = None

    def shown(self, seen):
        """Whether the condition says it, in all words."""
        return (
            seen.get("reason") == self.reason
            and seen["status"] == "False"
            and all(words in seen["message"] for words in self.says)
        )


def limit_range():
    limits = [{"type": "Container", "max": {"memory": "32Mi"}, "default": {"memory": "32Mi"}}]
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small", "namespace": LIMITED},
        "spec": {"limits": limits},
    }


def quota(namespace, *, enough):
    name, little, much = QUOTAS[namespace]
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": namespace},
        "spec": {"hard": {name: much if enough else little}},
    }


def bystander():
    """A pod that uses up a quota."""
    spec = {"containers": [{"name": "none", "image": "localhost/paceline-pause:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bystander", "namespace": USED}, "spec": spec}


def stranger(name):
    labels = {"app": "stranger"}
    container = {"name": "none", "image": "localhost/paceline-pause:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": child_name(PLAIN, name), "namespace": PLAIN, "labels": labels},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


#: A server that costs next to nothing: a simulator needs seconds of a core to start.
PLAIN_SERVER = ("python3", "-m", "http.server", "8000", "--directory", "/tmp")
SLEEPER = ("python3", "-c", "import time; time.sleep(999)")
HANGING = """
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        time.sleep(999)
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
HOG = "hog = [bytes([1]) * 10**6 for _ in range(1000)]"


def plain(*words, **spec):
    """A command that is asked for /, and for nothing else."""
    asked = {"engine": {"custom": {"readinessPath": "/"}}}
    return merged(merged(command(*words), asked), spec)


def spoiled(reason, spec, says, cure, namespace=PLAIN):
    """A case whose model serves before."""
    return Case(reason, spec, says, "Ready", cure, namespace, plain(*PLAIN_SERVER))


def server(*words):
    return {"engine": {"custom": {"command": list(words)}}}


CRASH = "import sys; sys.exit('the weights are torn')"
CASES = {
    "unknown-profile": Case(
        "UnknownProfile",
        plain(*PLAIN_SERVER, hardware={"profile": "later"}),
        ('"later"', "it knows: ", "sim", "profiles"),
        "Accepted",
    ),
    "image-nowhere": Case(
        "ImagePullFailed",
        sim(engine={"image": "registry.invalid/engine:1", "args": QUICK}),
        ("registry.invalid/engine:1",),
        cure={"engine": {"image": IMAGE}},
    ),
    "crashing-command": Case(
        "EngineCrashing",
        plain("python3", "-c", CRASH),
        ("exit code 1", "the weights are torn"),
        cure=server(*PLAIN_SERVER),
    ),
    "crashing-engine": Case(
        "EngineCrashing", sim("--fault=crash-at-start=3"), ("exit code 3",), cure={"engine": {"args": QUICK}}
    ),
    "no-such-command": Case(
        "EngineCannotStart",
        plain("/no/such/program"),
        ("/no/such/program",),
        cure=server(*PLAIN_SERVER),
    ),
    "never-ready": Case(
        "EngineNotReady",
        sim("--fault=never-ready", lifecycle={"startupSeconds": 5}),
        ("/health", "startupSeconds (5)"),
        cure={"engine": {"args": QUICK}, "lifecycle": {"startupSeconds": 600}},
    ),
    "does-not-answer": Case(
        "EngineNotAnswering", sim("--fault=wrong-model=other"), ("404",), cure={"engine": {"args": QUICK}}
    ),
    "more-gpus-than-a-node": Case(
        "NoCapacity",
        plain(*PLAIN_SERVER, hardware={"profile": "gpu", "count": 9}),
        ("nvidia.com/gpu",),
        cure={"hardware": {"profile": "sim", "count": 1}},
    ),
    "no-free-gpu": Case(
        "NoCapacity", plain(*PLAIN_SERVER, hardware={"profile": "gpu", "count": 8}), ("nvidia.com/gpu",)
    ),
    "huge-quantity": Case(
        "NoCapacity",
        plain(*PLAIN_SERVER, hardware={"profile": "huge"}),
        ("cpu",),
        cure={"hardware": {"profile": "odd"}},
    ),
    "quota-for-services": Case(
        "QuotaExceeded", plain(*PLAIN_SERVER), ("exceeded quota", "count/services"), "Accepted", None, QUOTA
    ),
    "quota-used-up": Case(
        "QuotaExceeded", plain(*PLAIN_SERVER), ("exceeded quota", "count/pods"), "Available", None, USED
    ),
    "quota-too-small": Case("QuotaTooSmall", sim(), ('"few" allows no replica', "0.01"), "Fits", None, SMALL),
    "limits-of-the-namespace": Case("PodRefused", plain(*PLAIN_SERVER), ("memory",), "Available", None, LIMITED),
    "hangs": Case(
        "EngineNotAnswering",
        merged(command("python3", "-c", HANGING), {"engine": {"custom": {"inference": "OpenAI"}}}),
        ("test request to 1 of 1 ready pods failed",),
        cure={"engine": {"custom": {"inference": "None"}}},
    ),
    "slow-start": Case(
        "EngineStarting", plain("sh", "-c", f"sleep 25; exec {' '.join(PLAIN_SERVER)}"), ("startupSeconds",)
    ),
    "served-image-nowhere": spoiled(
        "ImagePullFailed",
        plain(*PLAIN_SERVER, model={"uri": "image://registry.invalid/engine:1"}),
        ("registry.invalid/engine:1",),
        {"model": {"uri": f"image://{IMAGE}"}},
    ),
    "served-crashing": spoiled(
        "EngineCrashing", plain("python3", "-c", CRASH), ("the weights are torn",), server(*PLAIN_SERVER)
    ),
    "served-never-ready": spoiled(
        "EngineNotReady",
        plain(*SLEEPER, lifecycle={"startupSeconds": 5}),
        ("startupSeconds (5)",),
        server(*PLAIN_SERVER) | {"lifecycle": {"startupSeconds": 600}},
    ),
    "served-no-free-gpu": spoiled(
        "NoCapacity",
        plain(*PLAIN_SERVER, hardware={"profile": "gpu", "count": 8}),
        ("nvidia.com/gpu",),
        {"hardware": {"profile": "sim", "count": 1}},
    ),
    "served-out-of-memory": spoiled(
        "EngineOutOfMemory",
        plain("python3", "-c", HOG, hardware={"profile": "tight"}),
        (),
        server(*PLAIN_SERVER) | {"hardware": {"profile": "sim"}},
    ),
    "served-no-such-claim": spoiled(
        "Resolving",
        plain(*PLAIN_SERVER, model={"uri": "pvc://nowhere/model"}, engine={"type": "Custom", "image": IMAGE}),
        ("nowhere",),
        {"model": {"uri": f"image://{IMAGE}"}, "engine": {"type": None, "image": None}},
    ),
    "served-quota-for-pods": spoiled(
        "QuotaExceeded",
        plain(*PLAIN_SERVER, template={"annotations": {"example.com/new": "1"}}),
        ("exceeded quota", "count/pods"),
        None,
        FULL,
    ),
    "a-strangers-deployment": Case(
        "ChildConflict", plain(*PLAIN_SERVER), ("Deployment", "not ours", "Delete or rename"), "Accepted"
    ),
}


@dataclass
class World:
    """The cluster with an operator.

    Attributes:
        named: By case, the seconds until the condition was there, and the condition.
        served: By case, the model when it was named.
        healed: By case, the seconds from the cure until it was Ready.
    """

    objects: Any
    operator: Any
    settings: dict[str, Any]
    named: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    served: dict[str, dict[str, Any]] = field(default_factory=dict)
    healed: dict[str, float] = field(default_factory=dict)

    def profiles(self, *names):
        """Put another list of profiles into the operator's configuration."""
        self.operator.configure({**self.settings, "profiles": list(names)})

    def look(self):
        return {
            each["metadata"]["name"]: each
            for namespace in NAMESPACES
            for each in self.objects.all(MODELDEPLOYMENTS, namespace)
        }

    def wait_named(self):
        """Look until every case shows its reason, or the time and half again is over."""
        begun = time.monotonic()

        def all_named():
            found = self.look()
            for name, case in CASES.items():
                seen = condition(found.get(name), case.shows)
                if name not in self.named and case.shown(seen):
                    self.named[name] = time.monotonic() - begun, seen
                    self.served[name] = found[name]
            return len(self.named) == len(CASES) or time.monotonic() - begun > 1.5 * NAMED_SECONDS

        wait_until(all_named, 2 * NAMED_SECONDS, "every case is named", every=0.5)

    def wait_healed(self):
        """Look until every case is Ready, or the time is over."""
        begun = time.monotonic()

        def all_healed():
            found = self.look()
            for name in CASES:
                if name not in self.healed and is_ready(found.get(name)):
                    self.healed[name] = time.monotonic() - begun
            return len(self.healed) == len(CASES) or time.monotonic() - begun > HEALED_SECONDS

        wait_until(all_healed, 2 * HEALED_SECONDS, "every case is healed", every=0.5)


@pytest.fixture(scope="module")
def places(cluster, paceline_image):
    assert paceline_image == IMAGE
    cluster.install_kinds()
    for namespace in NAMESPACES:
        cluster.kubectl("create", "namespace", namespace)
    yield cluster
    for namespace in NAMESPACES:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def world(places, tmp_path_factory):
    """Every case, made and named."""
    settings = configuration(*NAMESPACES, profiles=[NOWHERE, SIM, GPU, HUGE, ODD, TIGHT])
    folder = tmp_path_factory.mktemp("operator")
    with objects_of(places.kubeconfig) as objects, operating(folder, settings, places.kubeconfig) as operator:
        world = World(objects, operator, settings)
        wait_until(operator.leads, 20, "the operator leads")
        objects.apply(bystander())
        for namespace in QUOTAS:
            objects.apply(quota(namespace, enough=False))
        objects.apply(limit_range())
        objects.apply(stranger("a-strangers-deployment"))
        objects.apply(
            modeldeployment("takes-all-gpus", PLAIN, **plain(*PLAIN_SERVER, hardware={"profile": "gpu", "count": 8}))
        )
        served = {name: case for name, case in CASES.items() if case.before is not None}
        for name, case in served.items():
            objects.apply(modeldeployment(name, case.namespace, **case.before))
        wait_until(lambda: is_ready(objects.model(PLAIN, "takes-all-gpus")), 60, "all GPUs are taken")
        for name, case in served.items():
            wait_until(lambda name=name, at=case.namespace: is_ready(objects.model(at, name)), 90, f"{name} serves")
        for name, case in CASES.items():
            objects.apply(modeldeployment(name, case.namespace, **case.spec))
        yield world


@pytest.fixture(scope="module")
def named(world):
    world.wait_named()
    return world


@pytest.fixture(scope="module")
def cured(named):
    """Every cause taken away at once."""
    objects = named.objects
    named.profiles(NOWHERE, SIM, GPU, HUGE, ODD, TIGHT, LATER)
    for namespace in QUOTAS:
        objects.apply(quota(namespace, enough=True))
    objects.delete(LIMITS, LIMITED, "small")
    objects.delete(DEPLOYMENTS, PLAIN, child_name(PLAIN, "a-strangers-deployment"))
    objects.delete(MODELDEPLOYMENTS, PLAIN, "takes-all-gpus")
    for name, case in CASES.items():
        if case.cure is not None:
            objects.patch(MODELDEPLOYMENTS, case.namespace, name, {"spec": case.cure})
    named.wait_healed()
    return named


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_named_with_a_remedy_within_30_seconds(named, name):
    case = CASES[name]
    assert name in named.named, condition(named.look().get(name), case.shows)
    seconds, seen = named.named[name]
    print(f"{name}: {case.reason} after {seconds:.1f} s: {seen['message']}")
    assert seconds <= NAMED_SECONDS
    missing = [words for words in case.says if words not in seen["message"]]
    assert not missing, seen["message"]
    last_words = BY_NAME[case.reason].remedy
    assert last_words in seen["message"] or any(verb in seen["message"] for verb in ("Use ", "Raise ", "Delete "))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.before is not None])
def test_what_served_before_goes_on_serving(named, name):
    found = named.served[name]
    assert condition(found, "Available")["status"] == "True", found["status"]["conditions"]
    assert found["status"]["readyReplicas"] == 1
    assert found["status"]["revisions"]["stable"]["replicas"] == 1


@pytest.mark.parametrize("name", CASES)
def test_it_heals_by_itself_when_the_cause_goes(cured, name):
    assert name in cured.healed, cured.look().get(name, {}).get("status", {}).get("conditions")
    print(f"{name}: healed after {cured.healed[name]:.1f} s")
    assert cured.healed[name] <= HEALED_SECONDS


def test_an_engine_that_starts_slowly_is_left_in_peace(cured):
    (pod,) = cured.objects.all(PODS, PLAIN, "paceline.dev/modeldeployment=slow-start")
    assert [one["restartCount"] for one in pod["status"]["containerStatuses"]] == [0]


def test_a_profile_removed_later_keeps_its_models_serving_and_heals_when_it_is_back(cured):
    objects, name = cured.objects, "unknown-profile"
    (before,) = objects.all(DEPLOYMENTS, PLAIN, f"paceline.dev/modeldeployment={name}")
    cured.profiles(NOWHERE, SIM, GPU, HUGE, ODD, TIGHT)

    def refused():
        found = objects.model(PLAIN, name)
        return found if condition(found, "Accepted")["reason"] == "UnknownProfile" else None

    found = wait_until(refused, NAMED_SECONDS, "the missing profile is named", every=0.3)
    assert condition(found, "Available")["status"] == "True"
    assert "still serves" in condition(found, "Ready")["message"]
    cured.profiles(NOWHERE, SIM, GPU, HUGE, ODD, TIGHT, LATER)
    wait_until(lambda: is_ready(objects.model(PLAIN, name)), NAMED_SECONDS, "it is Ready again", every=0.3)
    (after,) = objects.all(DEPLOYMENTS, PLAIN, f"paceline.dev/modeldeployment={name}")
    for key in ("uid", "generation"):
        assert after["metadata"][key] == before["metadata"][key], "nothing was restarted"


def test_quantities_that_are_not_canonical_are_applied_once(cured):
    objects = cured.objects
    (made,) = objects.all(DEPLOYMENTS, PLAIN, "paceline.dev/modeldeployment=huge-quantity")
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1e9"}}
    applied = made["metadata"]["generation"]
    writes = 'paceline_api_requests_total{code="200",resource="deployments",verb="PATCH"}'
    before = cured.operator.metric(writes), cured.operator.metric("paceline_resync_duration_seconds_count")
    assert before[0] > 0, "writes are counted"
    wait_until(
        lambda: cured.operator.metric("paceline_resync_duration_seconds_count") >= before[1] + 2,
        40,
        "two resyncs",
        every=0.5,
    )
    assert cured.operator.metric(writes) == before[0]
    (after,) = objects.all(DEPLOYMENTS, PLAIN, "paceline.dev/modeldeployment=huge-quantity")
    assert after["metadata"]["generation"] == applied


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ({"name": "sim", "resources": {"requests": {"cpu": "-1"}}}, "'-1' is not a quantity"),
        ({"name": "sim", "resources": {"requests": {"cpu": "9e99"}}}, "larger than any quantity"),
        ({"name": "sim", "resources": {"requests": {"memory": "8GB"}}}, "'8GB' is not a quantity"),
        ({"name": "sim", "pricePerHour": "-3"}, "pricePerHour"),
        ({"name": "sim", "memoryGiB": 10**30}, "memoryGiB"),
    ],
    ids=["negative", "huge", "of no unit", "negative price", "huge memory"],
)
def test_a_configuration_with_a_wrong_quantity_is_refused_and_the_last_good_one_kept(cured, profile, says):
    cured.profiles(NOWHERE, profile)

    def told():
        lines = [line["message"] for line in cured.operator.lines() if line["level"] == "ERROR"]
        return [line for line in lines if says in line]

    (line,) = wait_until(told, 10, f"the log says {says}")
    assert "profiles" in line
    assert "Correct the file" in line
    assert cured.operator.alive
    assert is_ready(cured.objects.model(PLAIN, "unknown-profile")), "profiles of the last good configuration still hold"
    cured.profiles(NOWHERE, SIM, GPU, HUGE, ODD, TIGHT, LATER)


@pytest.mark.parametrize(
    ("length", "says"),
    [(53, "at most 52"), (63, "at most 52"), (64, "at most 52"), (253, "at most 52"), (254, "no more than 253")],
)
def test_a_name_that_is_too_long_for_children_is_refused_with_the_limit(world, length, says):
    with pytest.raises(AssertionError, match=rf"metadata\.name: .*{says} characters"):
        world.objects.apply(modeldeployment("n" * length, PLAIN, replicas=0))


def test_names_that_would_collide_when_cut_off_have_children_of_their_own(world):
    names = ["n" * 51 + last for last in "ab"]
    for name in names:
        world.objects.apply(modeldeployment(name, PLAIN, **sim(replicas=0)))
    for name in names:
        wait_until(lambda name=name: is_ready(world.objects.model(PLAIN, name)), NAMED_SECONDS, f"{name} is Ready")
    children = [world.objects.children(PLAIN, name) for name in names]
    revisions = [{c["metadata"]["name"] for c in own if c["kind"] == "ControllerRevision"} for own in children]
    others = [{c["metadata"]["name"] for c in own if c["kind"] != "ControllerRevision"} for own in children]
    assert all(len(own) == 1 for own in (*others, *revisions))
    assert not (others[0] | revisions[0]) & (others[1] | revisions[1])
    assert all(len(name) <= 63 for own in others for name in own), "a label of a host name"
    assert all(len(name) <= 253 for own in revisions for name in own)
