"""One Kubernetes cluster: every component is a real process, all of them in one network namespace of their own."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.sandbox import audit, processes
from tests.sandbox.binaries import require
from tests.sandbox.certificates import Authority, service_account_key, write_kubeconfig, write_private
from tests.sandbox.certificates import kubeconfig as make_kubeconfig
from tests.sandbox.kubeapi import ApiError, KubeApi, Object
from tests.sandbox.network import API_SERVER_PORT, SERVICE_SUBNET, Namespace
from tests.sandbox.processes import Process

API_SERVICE_ADDRESS = "10.96.0.1"
"""ClusterIP of the Service ``kubernetes``: the first address of the range."""

CORE = ("etcd", "kube-apiserver")
COMPONENTS = (*CORE, "kube-controller-manager", "kube-scheduler", "kube-proxy", "node")

NODES = ("virtual", "kubemark", "none")
"""Kinds of node: the sandbox's own, which runs processes; Kubernetes' hollow node; no node at all."""

_CHECKOUT = Path(__file__).resolve().parents[2]

_MARKER = "sandbox-audit/"
"""Begin of the User-Agent of requests that are made only to find the audit log's end."""

_KUBEMARK_POD_ADDRESS = "192.168.192.168"
"""The address that every pod of a hollow node reports."""

# Left out: what only cloud providers, disks and autoscaling need. attachdetach alone looks around ten times a second.
_CONTROLLERS = "*,-attachdetach,-cloud-node-lifecycle,-ephemeral-volume,-horizontalpodautoscaling,\
-persistentvolume-expander,-route,-ttl"

_START_DEADLINE = 120.0
_POLL = 0.1
_STOP_GRACE = 2.0

_STORAGE_CLASS: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
}

# Kubernetes binds this role to nobody, since the Node authorizer usually decides for nodes.
_NODE_BINDING: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "sandbox:nodes"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}],
}

# The node's process plays the cloud, too.
_CLOUD_ROLE: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "sandbox:cloud"},
    "rules": [
        {"apiGroups": [""], "resources": ["services/status"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "delete"]},
    ],
}
_CLOUD_BINDING: Object = {
    **_NODE_BINDING,
    "metadata": {"name": "sandbox:cloud"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sandbox:cloud"},
}


class ClusterError(Exception):
    """A cluster did not come up, or a part of it died; the message has the part's last lines."""


class Cluster:
    """A cluster in a namespace of its own.

    Attributes:
        name: of the cluster.
        address: its address, also its node's and its pods'.
        server: URL of the API server.
        kubeconfig: file for cluster-admin.
        audit_log: file of the API server's audit log.
        state: folder with everything else.
        minimal: whether it consists of etcd and the API server only.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        namespace: Namespace,
        machine: str,
        node: str = "virtual",
        minimal: bool = False,
    ) -> None:
        """Describe a cluster; nothing is started.

        Args:
            name: of the cluster, a DNS label.
            folder: state folder of the sandbox.
            namespace: where its processes run.
            machine: address of the machine itself in the sandbox's subnet.
            node: one of ``NODES``.
            minimal: only etcd and the API server.

        Raises:
            ValueError: the name or the kind of node is none.
        """
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", name):
            raise ValueError(f"'{name}' is no cluster name: lower-case letters, digits and '-', at most 42")
        if node not in NODES:
            raise ValueError(f"'{node}' is no kind of node: take one of {', '.join(NODES)}")
        self.name = name
        self.namespace = namespace
        self.address = namespace.address
        self.server = f"https://{self.address}:{API_SERVER_PORT}"
        self.kubeconfig = folder / f"{name}.kubeconfig"
        self.audit_log = folder / f"{name}.audit.log"
        self.state = folder / name
        self.node_name = f"{name}-node"
        self.minimal = minimal
        self._node = node
        self._machine = machine
        self._pki = self.state / "pki"

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Start what does not run yet, and wait until the cluster is usable.

        Args:
            say: called with what has been reached.

        Raises:
            ClusterError: it did not become usable within two minutes, or a process ended.
            NetworkError: the namespace could not be made.
            PreparationError: a binary is missing.
        """
        started = time.monotonic()
        self._prepare()
        self.namespace.create()
        if self._node == "kubemark":
            self.namespace.add_address(_KUBEMARK_POD_ADDRESS)
        self._forget_ended()
        for name in CORE:
            self._start_process(name)
        self._wait_for(self._api_ready, "the API server to be ready")
        if not self.minimal:
            self._start_rest()
        say(f"{self.name}: up after {time.monotonic() - started:.1f} s, {self.server}")

    def _start_rest(self) -> None:
        self._ensure("/apis/rbac.authorization.k8s.io/v1/clusterroles", _CLOUD_ROLE)
        for binding in (_NODE_BINDING, _CLOUD_BINDING):
            self._ensure("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
        self._ensure("/apis/storage.k8s.io/v1/storageclasses", _STORAGE_CLASS)
        self.namespace.prepare_kube_proxy()
        for name in self.components:
            self._start_process(name)
        self._wait_for(self._service_account_ready, "the controller manager to make the default service account")
        if self._node != "none":
            self._wait_for(self._node_ready, f"node {self.node_name} to be ready")
        self._wait_for(self._service_network_ready, f"kube-proxy to forward {API_SERVICE_ADDRESS}:443")

    def _forget_ended(self) -> None:
        """Drop the identities of processes that ended by themselves, so that only a new end counts as a failure."""
        for name in COMPONENTS:
            process = self.process(name)
            if not process.status():
                process.identity.unlink(missing_ok=True)

    def stop(self, name: str | None = None) -> None:
        """End all processes, or the one of a component; the data stays.

        Raises:
            ValueError: there is no such component.
        """
        processes.stop([self.process(part) for part in ([name] if name else self.components)], _STOP_GRACE)
        if name is None:
            processes.kill_all(self.namespace.pids())

    def kill(self, name: str) -> None:
        """End a component's process at once, as a crash does."""
        processes.stop([self.process(name)], 0)

    def freeze(self, name: str) -> None:
        """Let a component hang: it keeps its connections and does nothing."""
        self.process(name).signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen component go on."""
        self.process(name).signal(signal.SIGCONT)

    def restart(self, name: str) -> None:
        """End a component, start it again, and wait until the API server is ready."""
        self.stop(name)
        self._start_process(name)
        self._wait_for(self._api_ready, "the API server to be ready")

    def remove(self) -> None:
        """End everything and leave nothing: no process, no namespace, no file."""
        # The node ends its pods in order; what the others could still save is thrown away with the data.
        processes.stop([self.process("node")], _STOP_GRACE)
        processes.stop([self.process(name) for name in COMPONENTS], 0)
        processes.kill_all(self.namespace.pids())
        self.namespace.remove()
        for path in (self.kubeconfig, self.audit_log):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.state, ignore_errors=True)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components that this cluster consists of."""
        if self.minimal:
            return CORE
        return COMPONENTS[:-1] if self._node == "none" else COMPONENTS

    def process(self, name: str) -> Process:
        """The process of a component.

        Raises:
            ValueError: there is no such component.
        """
        if name not in COMPONENTS:
            raise ValueError(f"{self.name} has no component '{name}': take one of {', '.join(self.components)}")
        return Process(name, self.state / "run" / name, self.state / "logs" / f"{name}.log")

    # --- use ----------------------------------------------------------------------------------------------------

    @cached_property
    def api(self) -> KubeApi:
        """Client for the API server with all rights."""
        return KubeApi.from_kubeconfig(self.kubeconfig)

    def exec(
        self, argv: Sequence[str], timeout: float = 60, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the cluster's namespace and return its exit status and its output.

        Args:
            argv: the command.
            timeout: seconds.
            environment: variables on top of this process's.
        """
        return subprocess.run(
            self.namespace.command(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**_environment(), **(environment or {})},
        )

    def kubeconfig_for(self, user: str, groups: Sequence[str] = (), expires_in: float = 86400) -> Path:
        """Make a kubeconfig with a client certificate.

        Args:
            user: user name.
            groups: names of the user's groups.
            expires_in: seconds from now; negative for one that has expired already.
        """
        authority = Authority(self._pki / "kubernetes-ca")
        pair = authority.client(user, groups, expires_in)
        return self._extra_kubeconfig(user, make_kubeconfig(self.name, self.server, authority.certificate, user, pair))

    def token_kubeconfig(self, service_account: str, namespace: str = "default", expires_in: int = 86400) -> Path:
        """Make a kubeconfig with a token of a service account, which has to exist.

        Args:
            service_account: its name.
            namespace: its namespace.
            expires_in: seconds, at least 600.
        """
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [], "expirationSeconds": expires_in},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        token = self.api.create(path, request)["status"]["token"]
        authority = Authority(self._pki / "kubernetes-ca").certificate
        return self._extra_kubeconfig(
            service_account, make_kubeconfig(self.name, self.server, authority, service_account, token)
        )

    def cut(self, other: Cluster) -> None:
        """Make this and another cluster unreachable for each other; packets vanish silently."""
        for address in other.addresses:
            self.namespace.cut(address)

    def cut_way_to(self, other: Cluster, reject: bool = False) -> None:
        """Let this cluster open no connection to another one any more; the other one can still open some to this.

        Connections that are open stay, but for those to its API server.

        Args:
            other: the cluster that cannot be reached.
            reject: connections are refused with a reset; by default their packets vanish silently.
        """
        for address in self.addresses:
            other.namespace.refuse(address, reject)

    def mend(self, other: Cluster) -> None:
        """Undo ``cut`` and ``cut_way_to``, whichever of the two they were called on."""
        for address in other.addresses:
            self.namespace.mend(address)
        for address in self.addresses:
            other.namespace.mend(address)

    def hide(self) -> None:
        """Let no other cluster open connections to this one, as if it were behind a router with NAT.

        The machine still can (kubectl, Ansible), and the cluster itself reaches all others. Undone by the next ``up``
        of a sandbox that does not name it ``behind_nat``.
        """
        self.namespace.hide(self._machine)

    @property
    def addresses(self) -> tuple[str, str]:
        """The cluster's own address, and the one for its load balancers."""
        return self.address, self.namespace.balanced

    def cut_from_machine(self) -> None:
        """Make this cluster unreachable for the machine (kubectl, Ansible), and only for it."""
        self.namespace.cut(self._machine)

    def mend_to_machine(self) -> None:
        """Undo ``cut_from_machine``."""
        self.namespace.mend(self._machine)

    # --- audit log ----------------------------------------------------------------------------------------------

    def audit_mark(self) -> int:
        """The audit log's end now, with everything in it that was answered before: a position for ``since``."""
        self._flush_audit()
        return audit.size(self.audit_log)

    def audit_events(self, since: int = 0, user_agent_prefix: str | None = None) -> list[audit.Event]:
        """One event per request that was answered after a mark, of all clients or of one."""
        self._flush_audit()
        events = audit.select(audit.read(self.audit_log, since), user_agent_prefix)
        return [event for event in events if not event.get("userAgent", "").startswith(_MARKER)]

    def requests(self, since: int = 0, user_agent_prefix: str | None = None) -> Counter[tuple[str, str]]:
        """Number of requests after a mark by (verb, resource)."""
        return audit.requests(self.audit_events(since, user_agent_prefix))

    def writes(self, since: int = 0, user_agent_prefix: str | None = None) -> Counter[tuple[str, str]]:
        """Number of writing requests after a mark by (verb, resource): refused ones too; no dry runs, no questions."""
        return audit.writes(self.audit_events(since, user_agent_prefix))

    def _flush_audit(self) -> None:
        """Wait until the log has what was answered before now.

        A request is logged just after its answer went out. One of our own, made later, is logged later.
        """
        marker = f"{_MARKER}{uuid.uuid4().hex}"
        start = audit.size(self.audit_log)
        try:
            KubeApi.from_kubeconfig(self.kubeconfig, user_agent=marker).request("GET", "/version", timeout=5)
        except (OSError, http.client.HTTPException):
            # An API server that is down or hangs writes nothing more.
            return
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if any(event.get("userAgent") == marker for event in audit.read(self.audit_log, start)):
                return
            time.sleep(0.01)

    # --- readiness ----------------------------------------------------------------------------------------------

    def _wait_for(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _START_DEADLINE
        while not self._holds(reached):
            for name in self.components:
                process = self.process(name)
                if process.identity.exists() and not process.status():
                    raise ClusterError(
                        f"{self.name}: {name} ended while waiting for {what}. Last lines of {process.log}:\n"
                        f"{process.tail()}"
                    )
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"{self.name}: gave up after {_START_DEADLINE:.0f} s waiting for {what}; see {self.state / 'logs'}"
                )
            time.sleep(_POLL)

    @staticmethod
    def _holds(reached: Callable[[], bool]) -> bool:
        try:
            return reached()
        except (ApiError, OSError, http.client.HTTPException):
            return False

    def _api_ready(self) -> bool:
        self.api.request("GET", "/readyz", timeout=5)
        return True

    def _service_account_ready(self) -> bool:
        # Version 1.20 gives every service account a token Secret; pods that are made before it is there are refused.
        return bool(self.api.get("/api/v1/namespaces/default/serviceaccounts/default").get("secrets"))

    def _node_ready(self) -> bool:
        node = self.api.find(f"/api/v1/nodes/{self.node_name}") or {}
        conditions = node.get("status", {}).get("conditions", [])
        ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
        return ready and not node["spec"].get("taints")

    def _service_network_ready(self) -> bool:
        probe = f"exec 3<>/dev/tcp/{API_SERVICE_ADDRESS}/443"
        return self.exec(["timeout", "1", "bash", "-c", probe]).returncode == 0

    def _ensure(self, collection: str, body: Object) -> None:
        try:
            self.api.create(collection, body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    # --- files --------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Write keys, certificates and configuration; those for another address are written anew."""
        for folder in ("", "pki", "run", "logs", "etcd", "node", "kubeconfigs"):
            (self.state / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        written_for = self._pki / "address"
        if self.kubeconfig.exists() and written_for.exists() and written_for.read_text() == self.address:
            return
        authority = Authority(self._pki / "kubernetes-ca")
        front_proxy = Authority(self._pki / "front-proxy-ca")
        if not (self._pki / "service-accounts.key").exists():
            service_account_key(self._pki / "service-accounts")
        hosts = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        addresses = [self.address, API_SERVICE_ADDRESS, "127.0.0.1"]
        authority.server("kube-apiserver", [*hosts, "localhost"], addresses).write(self._pki / "kube-apiserver")
        authority.server(self.node_name, [self.node_name], [self.address, "127.0.0.1"]).write(self._pki / "node")
        authority.client("kube-apiserver-kubelet-client", ["system:masters"]).write(self._pki / "kubelet-client")
        front_proxy.client("front-proxy-client").write(self._pki / "front-proxy-client")
        users: dict[str, tuple[str, list[str]]] = {
            "kube-controller-manager": ("system:kube-controller-manager", []),
            "kube-scheduler": ("system:kube-scheduler", []),
            "kube-proxy": ("system:kube-proxy", []),
            "node": (f"system:node:{self.node_name}", ["system:nodes"]),
        }
        for name, (user, groups) in users.items():
            self._write_user(authority, self._own_kubeconfig(name), user, groups)
        write_private(self._pki / "audit-policy.yaml", audit.POLICY.encode())
        self._write_user(authority, self.kubeconfig, "kubernetes-admin", ["system:masters"])
        _hand_to_sudo_user(self.kubeconfig)
        write_private(written_for, self.address.encode())

    def _write_user(self, authority: Authority, path: Path, user: str, groups: Sequence[str]) -> None:
        pair = authority.client(user, groups)
        write_kubeconfig(path, make_kubeconfig(self.name, self.server, authority.certificate, user, pair))

    def _own_kubeconfig(self, component: str) -> Path:
        return self.state / "kubeconfigs" / component

    def _extra_kubeconfig(self, user: str, content: dict[str, Any]) -> Path:
        label = re.sub(r"[^A-Za-z0-9.-]+", "-", user)
        return write_kubeconfig(self.state / "kubeconfigs" / f"{label}-{uuid.uuid4().hex[:8]}", content)

    # --- processes ----------------------------------------------------------------------------------------------

    def _start_process(self, name: str) -> None:
        process = self.process(name)
        if not process.status():
            environment = _environment()
            if name == "node" and self._node == "kubemark":
                # It never removes its working folder.
                environment["TMPDIR"] = str(self.state / "node")
            process.start(self.namespace.command(self._argv(name)), _CHECKOUT, environment)

    def _argv(self, name: str) -> list[str]:
        arguments = {
            "etcd": self._etcd,
            "kube-apiserver": self._apiserver,
            "kube-controller-manager": self._controller_manager,
            "kube-scheduler": self._scheduler,
            "kube-proxy": self._proxy,
            "node": self._kubemark if self._node == "kubemark" else self._virtual_node,
        }
        return arguments[name]()

    def _etcd(self) -> list[str]:
        # Rare heartbeats: a cluster of one has nobody to tell that it lives, and an idle one should cost nothing.
        return [
            str(require("etcd")),
            f"--data-dir={self.state / 'etcd'}",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--heartbeat-interval=250",
            "--election-timeout=1250",
            "--snapshot-count=5000",
            "--logger=zap",
            "--log-level=warn",
        ]

    def _apiserver(self) -> list[str]:
        pki = self._pki
        return [
            str(require("kube-apiserver")),
            "--etcd-servers=http://127.0.0.1:2379",
            "--etcd-count-metric-poll-period=0",
            "--etcd-db-metric-poll-interval=0",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={API_SERVER_PORT}",
            # The default keeps a lease for each of several API servers; there is one.
            "--endpoint-reconciler-type=master-count",
            f"--tls-cert-file={pki}/kube-apiserver.crt",
            f"--tls-private-key-file={pki}/kube-apiserver.key",
            f"--client-ca-file={pki}/kubernetes-ca.crt",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={pki}/service-accounts.pub",
            f"--service-account-signing-key-file={pki}/service-accounts.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICE_SUBNET}",
            "--allow-privileged=true",
            f"--kubelet-client-certificate={pki}/kubelet-client.crt",
            f"--kubelet-client-key={pki}/kubelet-client.key",
            *([] if self._node == "kubemark" else [f"--kubelet-certificate-authority={pki}/kubernetes-ca.crt"]),
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
            f"--proxy-client-key-file={pki}/front-proxy-client.key",
            f"--audit-log-path={self.audit_log}",
            f"--audit-policy-file={pki}/audit-policy.yaml",
            "--audit-log-maxsize=2000",
            "--enable-priority-and-fairness=false",
            "--profiling=false",
        ]

    def _controller_manager(self) -> list[str]:
        pki = self._pki
        return [
            str(require("kube-controller-manager")),
            f"--kubeconfig={self._own_kubeconfig('kube-controller-manager')}",
            f"--controllers={_CONTROLLERS}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={pki}/service-accounts.key",
            f"--root-ca-file={pki}/kubernetes-ca.crt",
            f"--cluster-signing-cert-file={pki}/kubernetes-ca.crt",
            f"--cluster-signing-key-file={pki}/kubernetes-ca.key",
            f"--cluster-name={self.name}",
            f"--service-cluster-ip-range={SERVICE_SUBNET}",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
            "--profiling=false",
        ]

    def _scheduler(self) -> list[str]:
        return [
            str(require("kube-scheduler")),
            f"--kubeconfig={self._own_kubeconfig('kube-scheduler')}",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
            "--profiling=false",
        ]

    def _proxy(self) -> list[str]:
        # Limits of connection tracking belong to the machine and cannot be set from a namespace: all of them are 0.
        return [
            str(require("kube-proxy")),
            f"--kubeconfig={self._own_kubeconfig('kube-proxy')}",
            "--proxy-mode=iptables",
            f"--hostname-override={self.node_name}",
            f"--bind-address={self.address}",
            "--conntrack-max-per-core=0",
            "--conntrack-min=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "--iptables-min-sync-period=200ms",
            "--iptables-sync-period=10m",
            "--healthz-bind-address=",
            "--metrics-bind-address=",
            "--oom-score-adj=0",
        ]

    def _virtual_node(self) -> list[str]:
        return [
            *(sys.executable, "-m", "tests.sandbox.node"),
            f"--kubeconfig={self._own_kubeconfig('node')}",
            f"--name={self.node_name}",
            f"--address={self.address}",
            f"--balanced={self.namespace.balanced}",
            f"--state={self.state / 'node'}",
            f"--cluster={self.name}",
            f"--tls-cert={self._pki}/node.crt",
            f"--tls-key={self._pki}/node.key",
            f"--client-ca={self._pki}/kubernetes-ca.crt",
        ]

    def _kubemark(self) -> list[str]:
        return [
            str(require("kubemark")),
            "--morph=kubelet",
            f"--kubeconfig={self._own_kubeconfig('node')}",
            f"--name={self.node_name}",
        ]


def _environment() -> dict[str, str]:
    """This process's environment, less a proxy for HTTP: nothing that a cluster talks to is behind one."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "PYTHONPATH": str(_CHECKOUT), "PATH": f"{kept.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"}


def _hand_to_sudo_user(path: Path) -> None:
    """Let whoever called sudo use a file that only its owner may read."""
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
