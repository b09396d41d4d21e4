"""How the operator's pods run: configuration, restarts, availability, network."""

import pytest

from paceline.settings import OperatorSettings
from tests.support.helm import CASE_NAMES, case, objects, of_kind, only, render

PROFILES = ["h100-80gb", "h200-141gb", "b200", "a100-80gb", "l40s", "l4", "t4", "mi300x", "cpu", "sim"]
NAMES = {"delegated": "pace-operator"}


def settings(rendered, name="paceline-operator"):
    return OperatorSettings.parse(only(rendered, "ConfigMap", name)["data"]["config.yaml"])


def rendered(*sets):
    return objects(render(sets=["crds.enabled=false", *sets]))


def pod_template(rendered, name="paceline-operator"):
    return only(rendered, "Deployment", name)["spec"]["template"]


@pytest.mark.parametrize("name", CASE_NAMES)
def test_the_operator_can_read_the_configuration(name):
    config = settings(case(name), NAMES.get(name, "paceline-operator"))
    assert config.leader_election.lease_name == NAMES.get(name, "paceline-operator")
    assert config.leader_election.lease_namespace == "paceline-system"


def test_the_known_profiles_are_there():
    profiles = {each.name: each for each in settings(case("default")).profiles}
    assert sorted(profiles) == sorted(PROFILES)
    assert profiles["h100-80gb"].node_selector == {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    assert {name for name, each in profiles.items() if not each.accelerator_resource} == {"cpu", "sim"}


def test_a_profile_is_changed_and_removed_by_name():
    profiles = {each.name: each for each in settings(case("tenant")).profiles}
    assert "t4" not in profiles
    changed = profiles["h100-80gb"]
    assert (changed.price_per_hour, changed.capacity) == ("1.95", "Fixed")
    assert changed.node_selector == {"cloud.google.com/gke-accelerator": "nvidia-h100-80gb"}
    assert changed.run_as_user == 2000  # what was not named stays


def test_the_simulated_engine_comes_with_the_operators_image():
    assert settings(case("full")).images.engine_sim.startswith("mirror.example.com/platform/paceline@sha256:")
    assert settings(rendered("images.engineSim=example.com/sim:1")).images.engine_sim == "example.com/sim:1"


def test_nodes_are_counted_where_their_right_is_granted():
    assert settings(case("cluster")).read_nodes
    assert not settings(case("default")).read_nodes


def test_cluster_mode_watches_everything_and_names_no_namespace():
    config = settings(case("cluster"))
    assert config.watch.mode == "Cluster"
    assert config.watch.namespaces == ()


@pytest.mark.parametrize(
    "setting",
    ["profiles.l4.pricePerHour=1.00", "resyncSeconds=30", "probe.intervalSeconds=20", "api.qps=9", "log.level=ERROR"],
)
def test_what_the_operator_reloads_by_itself_does_not_restart_it(setting):
    before, after = rendered(), rendered(setting)
    assert settings(before) != settings(after)
    assert pod_template(before) == pod_template(after)


@pytest.mark.parametrize(
    "setting", ["watch.namespaces={default,team-a}", "watch.mode=Cluster", "leaderElection.leaseDurationSeconds=30"]
)
def test_what_is_read_at_the_start_only_restarts_the_operator(setting):
    assert pod_template(rendered()) != pod_template(rendered(setting))


def test_the_configuration_is_mounted_so_that_changes_arrive():
    mounts = pod_template(rendered())["spec"]["containers"][0]["volumeMounts"]
    assert all("subPath" not in mount for mount in mounts)


def test_a_budget_exists_only_where_it_cannot_block_a_drain():
    def budgets(*sets):
        return list(of_kind(rendered(*sets), "PodDisruptionBudget"))

    assert not budgets("operator.replicas=1")
    assert not budgets("operator.replicas=2", "podDisruptionBudget.enabled=false")
    (budget,) = budgets("operator.replicas=2")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_an_upgrade_never_leaves_a_gap():
    spec = only(case("default"), "Deployment", "paceline-operator")["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_several_operators_spread_over_nodes():
    assert "topologySpreadConstraints" not in pod_template(rendered())["spec"]
    (spread,) = pod_template(rendered("operator.replicas=2"))["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"


def test_probes_ask_the_health_port_and_are_slow_to_kill():
    (container,) = pod_template(rendered())["spec"]["containers"]
    paths = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths["startupProbe"] == paths["livenessProbe"] == {"path": "/healthz", "port": "health"}
    assert paths["readinessProbe"] == {"path": "/readyz", "port": "health"}
    assert container["livenessProbe"]["periodSeconds"] * container["livenessProbe"]["failureThreshold"] >= 60
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    config = settings(rendered())
    assert ports == {
        "metrics": config.server.metrics_port,
        "health": config.server.health_port,
        "agents": config.server.agents_port,
    }


def test_selectors_use_only_labels_that_never_change():
    everything = case("full")
    fixed = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
    assert only(everything, "Deployment", "paceline-operator")["spec"]["selector"]["matchLabels"].keys() == fixed
    assert only(everything, "Service", "paceline-operator")["spec"]["selector"].keys() == fixed


def test_every_selector_finds_the_operators_pods():
    everything = case("full")
    labels = pod_template(everything)["metadata"]["labels"].items()
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert only(everything, kind, "paceline-operator")["spec"]["selector"]["matchLabels"].items() <= labels
    policy = only(everything, "NetworkPolicy", "paceline-operator")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels
    service = only(everything, "Service", "paceline-operator")
    assert service["spec"]["selector"].items() <= labels
    monitor = only(everything, "ServiceMonitor", "paceline-operator")["spec"]["selector"]["matchLabels"]
    assert monitor.items() <= service["metadata"]["labels"].items()


def test_the_network_policy_opens_what_the_operator_needs_and_no_more():
    policy = only(case("full"), "NetworkPolicy", "paceline-operator")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    metrics, health, agents = policy["ingress"]
    assert agents["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert metrics["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert health["from"] == [{"podSelector": {}}]
    dns, api, ledger, engines = policy["egress"]
    assert ledger["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "ledger"
    assert {port["port"] for port in dns["ports"]} == {53}
    assert 443 in {port["port"] for port in api["ports"]}
    assert engines["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "engine"


def test_every_object_carries_the_common_labels():
    for each in case("full"):
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "paceline"
        assert labels["app.kubernetes.io/instance"] == "paceline"


def test_two_releases_collide_in_nothing():
    def names(release):
        every = objects(render(release=release, sets=["crds.enabled=false", "operator.replicas=2"]))
        return {(each["kind"], each["metadata"]["name"]) for each in every}

    assert not names("paceline") & names("other")
