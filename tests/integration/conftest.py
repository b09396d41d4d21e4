"""The world of one ModelDeployment."""

import pytest

from tests.support.lives import World
from tests.support.operator_process import configuration, operating
from tests.support.waiting import wait_until


@pytest.fixture
def world(cluster, namespace, tmp_path):
    cluster.install_kinds()
    with operating(tmp_path, configuration(namespace), cluster.kubeconfig) as operator:
        wait_until(operator.leads, 20, "it leads")
        yield World(cluster, namespace, operator)
