import pytest
import yaml

from paceline.errors import Stalled
from paceline.kube.connection import Connection
from tests.support.apiserver import FakeApiServer
from tests.support.worlds import Clock


def kubeconfig(folder, **cluster):
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
        "users": [{"name": "c", "user": {"token": "one"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("content", [None, "{}", "kind: Config", "- a"])
async def test_a_kubeconfig_that_is_missing_or_broken_is_said_in_words(tmp_path, content):
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Stalled, match=r"NoCluster: .*--kubeconfig"):
        await Connection(path).load()


async def test_a_pod_uses_its_own_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(Stalled, match="token file does not exist"):
        await Connection().load()


async def test_tls_may_be_left_unchecked_only_when_the_kubeconfig_says_so(tmp_path):
    connection = Connection(kubeconfig(tmp_path, **{"insecure-skip-tls-verify": True}))
    await connection.load()
    assert connection._ssl is not None
    assert connection._ssl.check_hostname is False
    assert connection.server == "https://127.0.0.1:1"


async def test_credentials_are_read_again_after_a_minute(tmp_path):
    clock = Clock()
    path = kubeconfig(tmp_path)
    connection = Connection(path, clock=clock)
    await connection.load()
    path.write_text(path.read_text().replace("one", "two"))
    await connection.refresh()
    assert connection.headers() == {"Authorization": "Bearer one"}
    clock.forward(61)
    await connection.refresh()
    assert connection.headers() == {"Authorization": "Bearer two"}
    path.write_text("broken: [")
    clock.forward(61)
    await connection.refresh()
    assert connection.headers() == {"Authorization": "Bearer two"}, "the last good ones stay"


async def test_no_token_means_no_header(tmp_path):
    path = kubeconfig(tmp_path)
    path.write_text(path.read_text().replace("token: one", "{}"))
    async with FakeApiServer().running():
        assert Connection(path).headers() == {}
