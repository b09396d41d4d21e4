import asyncio

import pytest
import yaml

from paceline import metrics
from paceline.errors import Stalled
from paceline.reconcile.configuration import Configuration
from paceline.settings import OperatorSettings, boottime, cpu_seconds, now
from tests.support.worlds import configuration, eventually


def test_a_file_is_read_with_its_defaults(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("watch: {namespaces: [ml]}")
    settings = OperatorSettings.load(path)
    assert settings.watch.scopes == ("ml",)
    assert (settings.resync_seconds, settings.leader_election.lease_duration_seconds) == (60, 15)
    assert settings.profile("cpu") is None


def test_cluster_mode_watches_everything():
    assert OperatorSettings.parse("watch: {mode: Cluster}").watch.scopes == (None,)


def test_profiles_are_found_by_name():
    assert OperatorSettings.model_validate(configuration()).profile("cpu").price_per_hour == "0.5"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "not YAML"),
        ("- a", "a mapping is needed, not list"),
        ("{}", "watch"),
        ("watch: {mode: Namespaced}", "at least one entry in namespaces"),
        ("watch: {mode: Cluster, namespaces: [a]}", "leave namespaces empty"),
        ("watch: {mode: Cluster}\nunknown: 1", "unknown"),
        ("watch: {mode: Cluster}\nresyncSeconds: 0", "resyncSeconds"),
        ("watch: {mode: Cluster}\nlog: {level: DEBUG}", "level"),
        ("watch: {mode: Cluster}\nleaderElection: {renewDeadlineSeconds: 20}", "renewDeadlineSeconds"),
        ("watch: {mode: Cluster}\nprofiles: [{name: a}, {name: a}]", "a is listed twice"),
        ("watch: {mode: Cluster}\nprofiles: [{name: a, pricePerHour: free}]", "pricePerHour"),
    ],
)
def test_a_wrong_file_is_refused_in_words_that_name_the_field(tmp_path, text, words):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(Stalled) as caught:
        OperatorSettings.load(path)
    assert caught.value.reason == "InvalidConfiguration"
    assert words in caught.value.message
    assert str(path) in caught.value.message


def test_a_file_that_is_missing_is_said_in_words(tmp_path):
    with pytest.raises(Stalled, match="cannot be read"):
        OperatorSettings.load(tmp_path / "nothing")


def test_clocks():
    assert now().tzinfo is not None
    assert boottime() > 0
    assert cpu_seconds() > 0


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(configuration()))
    changes = []
    return path, Configuration(path, OperatorSettings.load(path), changes.append), changes


def test_a_changed_file_comes_into_force(world):
    path, configured, changes = world
    configured.look()
    assert changes == []
    path.write_text(yaml.safe_dump(configuration(profiles=[])))
    configured.look()
    assert changes == [configured.current]
    assert configured.current.profiles == ()


def test_a_file_that_becomes_wrong_or_vanishes_leaves_the_last_good_one_in_force(world, caplog):
    path, configured, changes = world
    for _ in range(2):
        path.write_text("broken: [")
        configured.look()
        configured.look()
    path.unlink()
    configured.look()
    assert changes == []
    assert len(configured.current.profiles) == 1
    assert len(caplog.records) == 2, "each wrong content is said once"


def test_what_needs_a_restart_is_said(world, caplog):
    path, configured, _ = world
    path.write_text(yaml.safe_dump(configuration(watch={"mode": "Cluster", "namespaces": []})))
    configured.look()
    assert "watch" in caplog.text


async def test_the_file_is_looked_at_again_and_again(world, monkeypatch):
    monkeypatch.setattr("paceline.reconcile.configuration._LOOK_SECONDS", 0.01)
    path, configured, changes = world
    task = asyncio.create_task(configured.run())
    path.write_text(yaml.safe_dump(configuration(resyncSeconds=30)))
    await eventually(lambda: changes)
    task.cancel()


def test_every_metric_is_ours_and_says_what_it_is():
    assert metrics.DOCUMENTED
    for name, words in metrics.DOCUMENTED.items():
        assert name.startswith("paceline_")
        assert words.endswith(".")
