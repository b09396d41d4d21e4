"""Wrong values fail at install, with the name of the value."""

import json
import re

import pytest

from tests.support.helm import CHART, template

SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def levels(schema, path=""):
    """Every object of the schema that names its keys: path and schema."""
    if "properties" in schema:
        yield path, schema
        for key, below in schema["properties"].items():
            yield from levels(below, f"{path}.{key}".lstrip("."))


def test_every_level_with_known_keys_is_closed():
    nested = [*levels(SCHEMA), *((name, each) for name, each in SCHEMA["definitions"].items() if "properties" in each)]
    # Helm hands `global` down to every chart of an umbrella: others put keys of theirs there.
    open_levels = [path for path, each in nested if each.get("additionalProperties") is not False and path != "global"]
    assert open_levels == []


@pytest.mark.parametrize("path", [path for path, _ in levels(SCHEMA) if path != "global"])
def test_a_misspelt_value_is_refused_by_name(path):
    done = template(sets=[f"{path}.replcas=3".lstrip(".")])
    assert done.returncode != 0
    assert "replcas" in done.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("watch.mode=Everything", "/watch/mode"),
        ("watch.namespaces={Team_A}", "/watch/namespaces/0"),
        ("operator.replicas=-1", "/operator/replicas"),
        ("operator.replicas=two", "/operator/replicas"),
        ("operator.terminationGracePeriodSeconds=5", "/operator/terminationGracePeriodSeconds"),
        ("operator.resources.limits.memory=lots", "/operator/resources/limits/memory"),
        ("image.tag=latest", "/image/tag"),
        ("image.digest=sha256:12", "/image/digest"),
        ("leaderElection.leaseDurationSeconds=0", "/leaderElection/leaseDurationSeconds"),
        ("api.qps=0", "/api/qps"),
        ("log.level=DEBUG", "/log/level"),
        ("service.metricsPort=70000", "/service/metricsPort"),
        ("networkPolicy.apiServerPorts={}", "/networkPolicy/apiServerPorts"),
        ("crds.enabled=perhaps", "/crds/enabled"),
        ("profiles.l4.pricePerHour=cheap", "/profiles/l4"),
        ("profiles.l4.pricePerHour=-1", "/profiles/l4"),
        ("profiles.l4.runAsUser=0", "/profiles/l4"),
        ("profiles.l4.capacity=Rubber", "/profiles/l4"),
        ("profiles.l4.memory=24", "/profiles/l4"),
        ("profiles.mine.memoryGiB=24", "/profiles/mine"),
        ("profiles.L4.memoryGiB=24", "/profiles"),
    ],
)
def test_a_wrong_value_is_refused_by_name(setting, named):
    done = template(sets=[setting])
    assert done.returncode != 0
    assert re.search(rf"'{re.escape(named)}\b", done.stderr), done.stderr


@pytest.mark.parametrize("nothing", ["[]", "null"])
def test_no_namespace_at_all_is_refused_with_the_remedy(tmp_path, nothing):
    values = tmp_path / "values.yaml"
    values.write_text(f"watch: {{namespaces: {nothing}}}")
    done = template(values=values)
    assert done.returncode != 0
    assert "name at least one namespace, or set watch.mode=Cluster" in done.stderr


@pytest.mark.parametrize(
    "setting",
    [
        "profiles.l4.pricePerHour=0.60",
        "profiles.l4.pricePerHour=2",
        "profiles.t4=null",
        "global.proxy=http://example.com",
    ],
)
def test_a_right_value_is_taken(setting):
    done = template(sets=[setting])
    assert done.returncode == 0, done.stderr
