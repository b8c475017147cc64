"""A string from a cluster is shown as it is: Ansible never takes one for a template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import NAMESPACE, STORAGE_CLASS
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import ALIAS_ANNOTATION, CLUSTER

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import CLUSTERS, eventually
from tests.prepare import MAIN, OLDEST, Environment
from tests.sandbox.cluster import Cluster
from tests.unit.fakes import item
from tests.unit.hostile.world import World
from tests.unit.kube.server import serving

both = pytest.mark.parametrize("venv", [MAIN, OLDEST], ids=lambda venv: venv.name)
"""ansible-core's new templating, and its old one."""

_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": CLUSTER.definition},
    "spec": {
        "group": CLUSTER.group,
        "scope": "Cluster",
        "names": {"plural": CLUSTER.plural, "kind": CLUSTER.kind},
        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": _ANYTHING}}],
    },
}


class Trap:
    """A text that creates a file if anybody takes it for a template."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "sprung"
        self.text = f"{{{{ lookup('pipe', 'touch {self.file}') }}}}"

    def check(self, run: Run) -> None:
        """It was seen, as it is, and is not sprung."""
        assert not self.file.exists(), "a string from a cluster was taken for a template"
        assert self.text in run.output, run.output

    def cluster(self, name: str) -> dict[str, Any]:
        """A Cluster with the trap wherever a cluster's strings may be shown."""
        condition = {"type": "Ready", "status": "False", "reason": self.text, "message": self.text}
        versions = dict.fromkeys(("kubernetesVersion", "kubeSphereVersion"), self.text)
        made = item(
            CLUSTER,
            name,
            spec={"provider": self.text, "connection": {"type": "direct", "kubernetesAPIEndpoint": self.text}},
            status={"conditions": [condition], "nodeCount": 1, **versions},
        )
        made["metadata"]["annotations"] = {ALIAS_ANNOTATION: self.text}
        return made


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


@pytest.fixture
def impostor(trap: Trap) -> Iterator[str]:
    """URL of an API server that puts the trap wherever a text goes."""
    world = World("host")
    world.answers["/version"] = {"gitVersion": f"v1.99.0 {trap.text}"}
    world.answers[NAMESPACE.path("kube-system")]["metadata"]["uid"] = trap.text
    world.put(item(STORAGE_CLASS, trap.text))
    world.put(trap.cluster(trap.text))
    with serving() as server:
        server.script = [world.reply]
        yield server.url


@both
def test_problems_that_quote_an_impostor(impostor: str, trap: Trap, tmp_path: Path, venv: Environment) -> None:
    """What all clusters have said comes together in facts, and in the message of the one that stops the play."""
    variables: dict[str, Any] = {"kubesphere_kubeconfig": kubeconfig(impostor), "kubesphere_preflight_strict": True}
    fleet = Fleet(hosts={"host": variables}, members={"member-1": variables, "member-2": variables})
    run = Controller(tmp_path, venv).playbook("preflight", fleet)
    assert run.status != 0
    trap.check(run)


@both
def test_table_of_an_impostor(impostor: str, trap: Trap, tmp_path: Path, venv: Environment) -> None:
    fleet = Fleet(hosts={"host": {"kubesphere_kubeconfig": kubeconfig(impostor)}})
    run = Controller(tmp_path, venv).playbook("status", fleet)
    assert run.status == 0, run.output
    trap.check(run)


@pytest.fixture(scope="module")
def trapped(clusters: dict[str, Cluster], tmp_path_factory: pytest.TempPathFactory) -> Trap:
    """A real host without KubeSphere, whose one Cluster holds the trap; nobody is there to write other conditions."""
    api, trap = clusters["host"].api, Trap(tmp_path_factory.mktemp("trap"))
    api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    eventually(lambda: api.get(CLUSTERS), "Clusters to be served")
    api.create(CLUSTERS, trap.cluster("trapped"))
    return trap


@both
def test_table_of_a_real_cluster(fleet: Fleet, trapped: Trap, tmp_path: Path, venv: Environment) -> None:
    run = Controller(tmp_path, venv).playbook("status", fleet)
    assert run.status == 0, run.output
    trapped.check(run)


def test_refusal_over_a_real_cluster(fleet: Fleet, trapped: Trap, controller: Controller) -> None:
    """A task that fails tells what it saw, and a user's own task uses what it registered."""
    book = controller.folder / "book.yml"
    steps: list[dict[str, Any]] = [
        {"kubesphere.multicluster.member_info": {"kubeconfig": "{{ kubesphere_kubeconfig }}"}, "register": "seen"},
        {"ansible.builtin.set_fact": {"problem": "{{ seen.members[0].problem }}"}},
        {"ansible.builtin.fail": {"msg": "{{ problem }}"}},
    ]
    play = {"hosts": "kubesphere_host", "gather_facts": False, "connection": "local", "tasks": steps}
    book.write_text(yaml.safe_dump([play]))
    run = controller.playbook(book, fleet)
    assert run.status != 0
    trapped.check(run)


def kubeconfig(server: str) -> dict[str, Any]:
    """A kubeconfig of an API server."""
    return {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "abc"}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "one",
    }
