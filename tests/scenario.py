"""The molecule scenario that is being verified, as the environment says that molecule gives to its tests."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import testinfra
import yaml
from testinfra.host import Host

from tests.prepare import ROOT
from tests.sandbox.kubeapi import KubeApi, Object
from tests.sandbox.sandbox import Sandbox

STATE = ROOT / "build" / "molecule" / os.environ["MOLECULE_SCENARIO_NAME"]
"""The sandbox."""
WORKPLACE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
"""Where molecule keeps the inventory, and Ansible's log of all runs in all detail."""

SYSTEM = "/api/v1/namespaces/kubesphere-system"
DEPLOYMENTS = "/apis/apps/v1/namespaces/kubesphere-system/deployments"
CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"


def name_of(host: Host) -> str:
    """Name of a cluster."""
    return str(variables(host)["inventory_hostname"])


def variables(host: Host) -> dict[str, Any]:
    """What the inventory says of a cluster, its templates as they are written."""
    return dict(host.ansible.get_variables())


def expected_connection(host: Host) -> str:
    """How the inventory wants a cluster to be connected, or what the scenario says that ``auto`` makes of it."""
    said = variables(host)
    return str(said.get("expected_connection") or said.get("kubesphere_connection", "direct"))


@functools.cache
def sandbox() -> Sandbox:
    """The clusters, for what only their owner can do."""
    return Sandbox.open(STATE)


@functools.cache
def api(cluster: str) -> KubeApi:
    """Client of a cluster."""
    return KubeApi.from_kubeconfig(STATE / f"{cluster}.kubeconfig")


def settings(cluster: str) -> dict[str, Any]:
    """The document of kubesphere-config."""
    return dict(yaml.safe_load(api(cluster).get(f"{SYSTEM}/configmaps/kubesphere-config")["data"]["kubesphere.yaml"]))


def cluster_object(cluster: str) -> Object:
    """The Cluster on the host."""
    return api("host").get(f"{CLUSTERS}/{cluster}")


def fingerprint(secret: str) -> str:
    """Stands for a secret in what a failed assertion shows."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def proxy_address() -> str:
    """The address that ks-apiserver gives to agents.

    It is what the configuration says, else the last address of tower's load balancer, with the first port (kubesphere
    v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go L133-178).
    """
    if given := settings("host")["multicluster"].get("proxyPublishAddress"):
        return str(given)
    service = api("host").get(f"{SYSTEM}/services/tower")
    last = service["status"]["loadBalancer"]["ingress"][-1]
    return f"http://{last.get('ip') or last['hostname']}:{service['spec']['ports'][0]['port']}"


def fetch(cluster: str, url: str) -> str:
    """What a GET from a cluster's own network brings: the status and the answer, or that there was none and why."""
    program = (
        "import ssl, sys, urllib.error, urllib.request\n"
        "context = ssl._create_unverified_context()\n"
        "try:\n"
        "    answer = urllib.request.urlopen(sys.argv[1], timeout=3, context=context)\n"
        "except urllib.error.HTTPError as error:\n"
        "    answer = error\n"
        "except OSError as error:\n"
        "    sys.exit(f'no answer: {error}')\n"
        "print(answer.status, answer.read().decode())\n"
    )
    ended = sandbox()[cluster].exec([sys.executable, "-c", program, url])
    return (ended.stdout or ended.stderr).strip()


def playbook(name: str, *options: str) -> str:
    """Run a playbook of the collection as the scenario does."""
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(part) for part in (program, "--inventory", WORKPLACE / "inventory", *options, name)]
    return str(testinfra.get_host("local://").check_output(" ".join(["%s"] * len(command)), *command))


def changes(output: str) -> dict[str, int]:
    """Number of changed tasks by host, from the recap."""
    return {name: int(count) for name, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.MULTILINE)}
