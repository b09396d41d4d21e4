from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from paceline.local import cgroups, cluster, packages, preflight
from paceline.local.errors import LocalError
from paceline.local.preflight import Machine

FIT = Machine("linux", "x86_64", 0)


def tree(top: Path, **files: str) -> Path:
    for name, text in files.items():
        path = top / name.replace("__", "/").replace("cgroup_", "cgroup.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return top


def test_a_fit_machine_has_no_problem() -> None:
    assert preflight.problem(FIT) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"system": "darwin"}, "needs Linux, and this is darwin"),
        ({"architecture": "riscv64"}, "this machine is riscv64"),
        ({"user": 1000}, "needs root"),
        ({"namespaces": False}, "namespaces"),
        ({"overlay": False}, "overlayfs"),
        ({"nftables": False}, "nf_tables"),
        ({"missing_controllers": ("cpuset", "pids")}, "cpuset, pids are missing"),
        ({"read_only_cgroups": True}, "read-only"),
        ({"lacks_delegation": True}, "hands no controllers on"),
        ({"links": False}, "veth"),
        ({"other_kubelet": True}, "a node of another cluster"),
    ],
)
def test_what_is_lacking_is_said_in_one_sentence_with_a_remedy(change: dict[str, object], said: str) -> None:
    found = preflight.problem(dataclasses.replace(FIT, **change))  # type: ignore[arg-type]
    assert found is not None
    assert said in found.message
    assert found.message.endswith(".")
    assert ". " not in found.message
    assert "kind" in found.remedy


def test_the_operating_system_is_named_before_anything_that_follows_from_it() -> None:
    found = preflight.problem(Machine("darwin", "arm64", 501, overlay=False))
    assert found is not None
    assert "needs Linux" in found.message


def test_nothing_is_changed_on_a_machine_that_is_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(Machine, "look", classmethod(lambda _: dataclasses.replace(FIT, nftables=False)))
    monkeypatch.setattr(packages, "ensure", lambda *_, **__: pytest.fail("went on"))
    with pytest.raises(LocalError, match="nf_tables"):
        cluster.up("any")
    assert not (tmp_path / "state").exists()


def test_version_1_lacks_the_controllers_that_are_not_mounted(tmp_path: Path) -> None:
    for controller in ("cpu", "cpuacct", "memory", "pids", "devices"):
        tree(tmp_path, **{f"{controller}__cgroup_procs": ""})
    assert preflight.missing_controllers(tmp_path) == ("cpuset",)
    assert not preflight.lacks_delegation(tmp_path)


def test_version_2_lacks_the_controllers_that_are_not_offered(tmp_path: Path) -> None:
    tree(tmp_path, cgroup_controllers="cpu memory pids")
    assert preflight.missing_controllers(tmp_path) == ("cpuset",)


@pytest.mark.parametrize(
    ("files", "lacks"),
    [
        ({}, False),
        ({"cgroup_type": "domain", "cgroup_procs": "", "cgroup_subtree_control": ""}, False),
        ({"cgroup_type": "domain", "cgroup_procs": "1\n", "cgroup_subtree_control": ""}, True),
        ({"cgroup_type": "domain", "cgroup_procs": "1\n", "cgroup_subtree_control": "cpu cpuset memory pids"}, False),
    ],
)
def test_version_2_below_the_real_root_must_hand_controllers_on(
    tmp_path: Path, files: dict[str, str], lacks: bool
) -> None:
    tree(tmp_path, cgroup_controllers="cpu cpuset memory pids", **files)
    assert preflight.lacks_delegation(tmp_path) is lacks


def test_version_2_hands_on_what_is_offered_and_not_yet_handed_on(tmp_path: Path) -> None:
    tree(tmp_path, cgroup_controllers="cpu cpuset memory pids rdma", cgroup_subtree_control="cpu memory pids")
    cgroups.hand_on(tmp_path)
    # A real control file adds each line written; a plain one keeps the last.
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpuset"
