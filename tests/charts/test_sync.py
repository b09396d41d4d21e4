"""What is copied or generated is up to date: the kinds, the rules, the reference of values."""

import importlib.util
import json
import re
import tomllib

import pytest
import yaml

from paceline import metrics
from paceline.agent import metrics as agent_metrics
from paceline.cli.access import KEYS, NAMESPACES, RULES, rules_yaml
from paceline.cli.enable import manifest
from paceline.ledger.service import metrics as ledger_metrics
from tests.support.helm import CHART, CRDS_CHART, ROOT, case, objects, of_kind, only, render

CHARTS = ROOT / "charts"


@pytest.fixture
def sync(monkeypatch):
    monkeypatch.syspath_prepend(CHARTS)
    spec = importlib.util.spec_from_file_location("charts_sync", CHARTS / "sync.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def crds(*sets):
    return {each["metadata"]["name"]: each for each in of_kind(objects(render(sets=sets)), "CustomResourceDefinition")}


def test_nothing_generated_is_out_of_date(sync):
    assert sync.stale(sync.generated()) == [], "run `make charts`"


def test_a_copy_without_a_source_is_found(sync):
    files = sync.generated()
    kept = {path: text for path, text in files.items() if path.parent != sync.CRDS}
    assert sync.stale(kept) == sorted(set(files) - set(kept))
    assert set(files) != set(kept)


def test_the_chart_installs_the_kinds_as_they_are_generated():
    source = {}
    for path in (ROOT / "crds").glob("*.yaml"):
        crd = yaml.safe_load(path.read_text())
        source[crd["metadata"]["name"]] = crd
    assert source
    rendered = crds()
    assert rendered.keys() == source.keys()
    for name, crd in source.items():
        assert rendered[name]["spec"] == crd["spec"]
        # A field that Helm and `kubectl apply -f crds/` wanted differently would make every upgrade a conflict.
        for part in ("labels", "annotations"):
            assert rendered[name]["metadata"][part].items() >= crd["metadata"].get(part, {}).items()


def test_kinds_and_their_objects_survive_an_uninstall_unless_told_otherwise():
    def policies(*sets):
        return {each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for each in crds(*sets).values()}

    assert policies() == {"keep"}
    assert policies("crds.keep=false") == {None}
    assert crds("crds.enabled=false") == {}


def test_the_chart_of_the_kinds_stands_alone():
    alone = objects(render(chart=CRDS_CHART))
    assert {each["kind"] for each in alone} == {"CustomResourceDefinition", "ClusterRole"}


def test_every_kind_has_its_user_roles():
    for name in crds():
        plural, _, group = name.partition(".")
        for role in ("paceline-view", "paceline-edit"):
            rules = only(case("default"), "ClusterRole", role)["rules"]
            assert any(plural in rule["resources"] and group in rule["apiGroups"] for rule in rules), (role, plural)


def test_chart_and_enable_grant_the_same():
    (role, binding) = yaml.safe_load_all(manifest("default", "paceline-system", "paceline-operator"))
    namespaced = only(case("default"), "Role", "paceline-operator")
    everywhere = only(case("cluster"), "ClusterRole", "paceline-system:paceline-operator")
    keys = only(case("default"), "Role", "paceline-operator-keys")
    assert role["rules"] == namespaced["rules"] + keys["rules"]
    # Namespaces are no namespace's, so `paceline enable` cannot grant to list them.
    assert everywhere["rules"] == namespaced["rules"] + yaml.safe_load(rules_yaml(NAMESPACES))
    assert len(role["rules"]) == len(RULES + KEYS)
    assert binding["subjects"] == only(case("default"), "RoleBinding", "paceline-operator")["subjects"]


def test_both_charts_go_in_step():
    parent, child = (yaml.safe_load((each / "Chart.yaml").read_text()) for each in (CHART, CRDS_CHART))
    assert parent["version"] == child["version"] == parent["dependencies"][0]["version"]
    assert parent["appVersion"] == child["appVersion"]
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert parent["version"].partition("-")[0] == release.partition(".dev")[0]


def test_the_clone_installs_without_fetching_a_dependency():
    assert (CHART / "charts" / "paceline-crds" / "Chart.yaml").is_file()
    assert CRDS_CHART.resolve() == (CHART / "charts" / "paceline-crds").resolve()


def test_every_value_in_the_schema_has_a_default_and_the_other_way_round():
    def keys(schema):
        return {key: keys(below) for key, below in schema.get("properties", {}).items()}

    def compare(schema, values, path):
        assert schema.keys() - {"global"} == values.keys() - {"global"}, path
        for key, below in schema.items():
            if below and key != "global":
                compare(below, values[key], f"{path}.{key}")

    compare(
        keys(json.loads((CHART / "values.schema.json").read_text())),
        yaml.safe_load((CHART / "values.yaml").read_text()),
        "",
    )


def test_the_published_images_and_kinds_are_those_of_the_chart():
    notes = yaml.safe_load((CHART / "Chart.yaml").read_text())["annotations"]
    (image,) = yaml.safe_load(notes["artifacthub.io/images"])
    (container,) = only(case("default"), "Deployment", "paceline-operator")["spec"]["template"]["spec"]["containers"]
    assert image["image"] == container["image"]
    listed = yaml.safe_load(notes["artifacthub.io/crds"])
    assert {each["name"] for each in listed} == crds().keys()
    assert {each["kind"] for each in yaml.safe_load(notes["artifacthub.io/crdsExamples"])} == {
        each["kind"] for each in listed
    }


def test_alerts_and_dashboards_use_metrics_that_exist():
    registries = (metrics.REGISTRY, agent_metrics.REGISTRY, ledger_metrics.REGISTRY)
    known = {sample for each in registries for family in each.collect() for sample in samples(family)}
    texts = [*(CHART / "files" / "alerts").glob("*.yaml"), *(CHART / "files" / "dashboards").glob("*.json")]
    assert len(texts) >= 3
    for path in texts:
        used = set(re.findall(r"\b(?:paceline|process)_[a-z_]+", "\n".join(expressions(path))))
        assert used, path
        assert used <= known, f"{path.name}: {sorted(used - known)}"


def test_every_alert_has_a_runbook_that_is_there():
    runbooks = {}
    for path in (CHART / "files" / "alerts").glob("*.yaml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            runbooks |= {rule["alert"]: rule["annotations"]["runbook"] for rule in group["rules"]}
    assert len(runbooks) >= 20
    for alert, runbook in runbooks.items():
        file, _, anchor = runbook.partition("#")
        titles = re.findall(r"^## (.+)$", (ROOT / file).read_text(), re.MULTILINE)
        assert anchor in {title.lower().replace(" ", "-") for title in titles}, f"{alert}: {runbook}"
        assert f"`{alert}`" in (ROOT / file).read_text(), alert


def samples(family):
    if family.type == "counter":
        return {f"{family.name}_total"}
    if family.type == "histogram":
        return {f"{family.name}_{suffix}" for suffix in ("bucket", "sum", "count")}
    return {family.name}


def expressions(path):
    data = yaml.safe_load(path.read_text())
    if "groups" in data:
        return [rule["expr"] for group in data["groups"] for rule in group["rules"]]
    return [target["expr"] for panel in data["panels"] for target in panel["targets"]]
