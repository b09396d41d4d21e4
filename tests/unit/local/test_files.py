"""Small pieces that write or read files."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from paceline.local import (
    archive,
    baseimage,
    fakenodes,
    images,
    kernel,
    kubeconfig,
    locks,
    mounts,
    packages,
    pki,
    state,
)
from paceline.local.addresses import Addresses
from paceline.local.errors import LocalError
from paceline.local.paths import Folders
from paceline.local.state import Options, Record

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ADDRESSES = Addresses(IPv4Network("10.201.0.0/16"))


def folders(tmp_path: Path) -> Folders:
    return Folders("n", tmp_path / "state", tmp_path / "run")


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "../x", "a" * 31, "ä"])
def test_a_name_that_cannot_be_used_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(LocalError, match="at most 30"):
        Folders.of(name)


def test_certificates_come_from_one_authority_and_name_every_address(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    pki.ensure(tmp_path, ADDRESSES, NOW)
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    server = x509.load_pem_x509_certificate((tmp_path / "apiserver.crt").read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} >= {"10.201.255.2", "10.201.128.1"}
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert server.not_valid_before_utc < NOW < NOW + timedelta(days=300) < server.not_valid_after_utc
    assert (tmp_path.stat().st_mode & 0o777) == 0o700


def test_certificates_are_kept_until_the_addresses_change(tmp_path: Path) -> None:
    pki.ensure(tmp_path, ADDRESSES, NOW)
    first = (tmp_path / "ca.crt").read_bytes()
    pki.ensure(tmp_path, ADDRESSES, NOW)
    assert (tmp_path / "ca.crt").read_bytes() == first
    pki.ensure(tmp_path, Addresses(IPv4Network("10.202.0.0/16")), NOW)
    assert (tmp_path / "ca.crt").read_bytes() != first


def test_a_certificate_folder_left_half_written_is_written_anew(tmp_path: Path) -> None:
    pki.ensure(tmp_path, ADDRESSES, NOW)
    first = (tmp_path / "ca.crt").read_bytes()
    (tmp_path / "complete").unlink()
    pki.ensure(tmp_path, ADDRESSES, NOW)
    assert (tmp_path / "ca.crt").read_bytes() != first


def added(name: str, server: str = "https://new") -> dict[str, Any]:
    return {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def test_merging_keeps_what_the_user_has_and_replaces_an_earlier_entry() -> None:
    own = kubeconfig.merged({**added("mine"), "preferences": {"colors": True}}, added("local", "https://old"))
    both = kubeconfig.merged(own, added("local"))
    assert [each["name"] for each in both["clusters"]] == ["mine", "local"]
    assert both["clusters"][1]["cluster"]["server"] == "https://new"
    assert both["current-context"] == "local"
    assert both["preferences"] == {"colors": True}
    assert kubeconfig.without(both, "local") == {**own, **kubeconfig.without(own, "local")}


def test_a_kubeconfig_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    kubeconfig.write(tmp_path / "deep/config", added("a"))
    assert (tmp_path / "deep/config").stat().st_mode & 0o777 == 0o600
    assert kubeconfig.load(tmp_path / "deep/config") == added("a")
    assert kubeconfig.load(tmp_path / "none") == {}


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c"])
def test_a_broken_kubeconfig_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(LocalError, match="config is not a kubeconfig"):
        kubeconfig.load(tmp_path / "config")


def test_an_archive_holds_blobs_that_match_their_digests(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    with tarfile.open(layer, "w") as tar:
        archive.add(tar, "pause", b"program", 0o755)
    archive.write(tmp_path / "image.tar", "localhost/x:1", layer, {"Entrypoint": ["/pause"]})
    with tarfile.open(tmp_path / "image.tar") as tar:
        names = [name for name in tar.getnames() if name.startswith("blobs/")]
        for name in names:
            content = tar.extractfile(name)
            assert content is not None
            assert hashlib.sha256(content.read()).hexdigest() == name.rpartition("/")[2]
        index = tar.extractfile("index.json")
        assert index is not None
        entry = json.load(index)["manifests"][0]
    assert len(names) == 3
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/x:1"
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "1"


def test_the_image_key_follows_what_goes_into_it_and_nothing_else(tmp_path: Path) -> None:
    for name in ("deploy/Dockerfile", "requirements/runtime.txt", "operator/paceline/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    base = Path("/cache/base/abc/base.tar")
    keys = [images.content_key(tmp_path, base)]
    (tmp_path / "operator/paceline/__pycache__").mkdir()
    (tmp_path / "operator/paceline/__pycache__/a.pyc").write_text("x")
    (tmp_path / "README.md").write_text("x")
    assert images.content_key(tmp_path, base) == keys[0]
    keys.append(images.content_key(tmp_path, Path("/cache/base/def/base.tar")))
    (tmp_path / "operator/paceline/a.py").write_text("y")
    keys.append(images.content_key(tmp_path, base))
    (tmp_path / "operator/paceline/a.py").rename(tmp_path / "operator/paceline/b.py")
    keys.append(images.content_key(tmp_path, base))
    assert len(set(keys)) == 4


def test_the_base_is_made_of_the_hosts_own_release() -> None:
    assert baseimage.recipe({"ID": "debian", "VERSION_CODENAME": "trixie"})[-1] == "trixie"
    assert "--components=main,universe" in baseimage.recipe({"ID": "ubuntu", "VERSION_CODENAME": "noble"})
    with pytest.raises(LocalError, match="this is fedora"):
        baseimage.recipe({"ID": "fedora"})
    with pytest.raises(LocalError, match=r"needs Python 3\.11, and ubuntu jammy"):
        baseimage.recipe({"ID": "ubuntu", "VERSION_CODENAME": "jammy", "VERSION_ID": "22.04"})
    with pytest.raises(LocalError, match=r"needs Python 3\.11, and debian stretch"):
        baseimage.recipe({"ID": "debian", "VERSION_CODENAME": "stretch", "VERSION_ID": "9"})


def test_mounts_are_listed_inside_out_and_only_those_below() -> None:
    table = "\n".join(
        f"{number} 1 0:1 / {point} rw - tmpfs t rw"
        for number, point in enumerate(["/", "/state/n", "/state/n/a", "/state/n/a/b\\040c", "/state/nn/x", "/run/n/z"])
    )
    assert mounts.listed([Path("/state/n"), Path("/run/n")], table) == ["/run/n/z", "/state/n/a/b c", "/state/n/a"]


def test_a_fake_node_has_gpus_labels_and_the_taint_of_gpu_nodes() -> None:
    made = fakenodes.manifest(7, 4)
    assert made["metadata"]["name"] == "fake-0007"
    assert made["status"]["allocatable"]["nvidia.com/gpu"] == "4"
    assert made["metadata"]["labels"]["nvidia.com/gpu.count"] == "4"
    assert made["spec"]["taints"][0]["key"] == "nvidia.com/gpu"


def test_a_fake_node_without_gpus_says_nothing_of_them() -> None:
    made = fakenodes.manifest(0, 0)
    assert not [key for key in made["metadata"]["labels"] if "nvidia" in key]
    assert made["spec"]["taints"][0]["key"] == "kwok.x-k8s.io/node"


def test_a_lock_is_held_by_one_at_a_time_and_leaves_no_file(tmp_path: Path) -> None:
    inside = 0
    most = 0
    entered: list[int] = []

    def enter(number: int) -> None:
        nonlocal inside, most
        for _ in range(20):
            with locks.held(tmp_path / "lock"):
                inside += 1
                most = max(most, inside)
                entered.append(number)
                inside -= 1

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert len(entered) == 80
    assert not list(tmp_path.iterdir())


def test_a_lock_file_that_was_removed_while_it_was_waited_for_is_taken_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, take, calls = tmp_path / "lock", locks._take, []

    def slow(descriptor: int, what: str) -> None:
        if not calls:
            path.unlink()
        calls.append(what)
        take(descriptor, what)

    monkeypatch.setattr(locks, "_take", slow)
    with locks.held(path, "waiting"):
        assert path.exists()
    assert len(calls) == 2


def test_a_record_survives_saving_and_a_half_written_one_is_none(tmp_path: Path) -> None:
    record = Record(block=IPv4Network("10.203.0.0/16"), options=Options(gpus=4, fake_nodes=2, audit=True))
    record.save(folders(tmp_path))
    assert Record.load(folders(tmp_path)) == record
    (tmp_path / "state/cluster.json").write_text('{"block": "10.2')
    assert Record.load(folders(tmp_path)) is None


def test_a_name_in_use_by_another_state_folder_is_not_touched(tmp_path: Path) -> None:
    mine, other = folders(tmp_path), Folders("n", tmp_path / "other", tmp_path / "run")
    state.claim(mine)
    state.claim(mine)
    mine.state.mkdir()
    with pytest.raises(LocalError, match="called n is there already"):
        state.claim(other)
    mine.state.rmdir()
    state.claim(other)


def test_what_is_lacking_where_it_cannot_be_installed_is_listed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "_CNI_FOLDERS", ())
    with pytest.raises(LocalError, match="containerd, containernetworking-plugins, iproute2"):
        packages.ensure(packages.RUNTIME)


def test_what_is_lacking_is_installed_by_apt_after_an_update_where_lists_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    apt = tmp_path / "apt-get"
    # Fails until `update` was run, then brings the program.
    apt.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\ncase "$*" in *update*) exit 0;; esac\n'
        f"/bin/grep -q update {log} || exit 100\n/bin/ln -s /bin/true {tmp_path}/buildah\n"
    )
    apt.chmod(0o755)
    (tmp_path / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(tmp_path))
    packages.ensure({"buildah": "buildah"}, cni=False)
    assert [line.split()[1] for line in log.read_text().splitlines()] == ["install", "update", "install"]


def test_certificates_that_soon_expire_are_written_anew(tmp_path: Path) -> None:
    pki.ensure(tmp_path, ADDRESSES, NOW)
    before = (tmp_path / "ca.crt").read_bytes()
    pki.ensure(tmp_path, ADDRESSES, NOW + timedelta(days=300))
    assert (tmp_path / "ca.crt").read_bytes() == before
    assert not pki.valid(tmp_path, ADDRESSES, NOW + timedelta(days=340))
    pki.ensure(tmp_path, ADDRESSES, NOW + timedelta(days=340))
    assert (tmp_path / "ca.crt").read_bytes() != before


def test_a_cluster_may_be_called_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with state.lock("all"), state.lock_all():
        assert len(list(state.state_root().iterdir())) == 2


def test_remains_of_a_cluster_without_a_record_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(state, "RUN_ROOT", tmp_path / "run")
    for name, owner in (("mine", state.state_root() / "mine"), ("theirs", Path("/elsewhere/theirs"))):
        (tmp_path / "run" / name).mkdir(parents=True)
        (tmp_path / "run" / name / "owner").write_text(str(owner))
    (state.state_root() / "half-gone").mkdir(parents=True)
    assert state.known() == {}
    assert state.named() == ["half-gone", "mine"]


def test_what_the_kubelet_changes_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "RUN_ROOT", tmp_path / "run")
    monkeypatch.setattr(kernel, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(kernel, "PLUGINS", tmp_path / "kubelet" / "device-plugins")
    (tmp_path / "proc" / "kernel").mkdir(parents=True)
    panic = tmp_path / "proc" / "kernel" / "panic"
    panic.write_text("0\n")
    kernel.remember()
    panic.write_text("10\n")
    kernel.PLUGINS.mkdir(parents=True)
    (kernel.PLUGINS / "kubelet.sock").touch()
    kernel.restore()
    assert panic.read_text() == "0"
    assert not (tmp_path / "kubelet").exists()


def test_a_folder_for_device_plugins_that_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "RUN_ROOT", tmp_path / "run")
    monkeypatch.setattr(kernel, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(kernel, "PLUGINS", tmp_path / "kubelet" / "device-plugins")
    kernel.PLUGINS.mkdir(parents=True)
    (kernel.PLUGINS / "nvidia.sock").touch()
    kernel.remember()
    kernel.restore()
    assert (kernel.PLUGINS / "nvidia.sock").exists()
