"""The pod ks-controller-manager, of which only the cluster controller matters; it does something on hosts only.

Imitates kubesphere pkg/controller/cluster/cluster_controller.go of v3.0.0, v3.1.1, v3.2.1, v3.3.0, v3.3.2 and v3.4.1.
"""

from __future__ import annotations

import base64
import datetime
import os
import random
import sys
import threading
from pathlib import Path
from typing import Any

from tests.sandbox.kubeapi import SERVICE_ACCOUNT, ApiError, KubeApi, Object
from tests.sandbox.standin import federation, remote, settings, tower, webhook
from tests.sandbox.standin.releases import Release
from tests.sandbox.standin.remote import KubeconfigError, Remote, RemoteError, RestConfig
from tests.sandbox.standin.runtime import (
    CLUSTERS,
    CONFIG_KEY,
    CONFIG_MAP,
    CONNECTION_ERRORS,
    HOST_LABEL,
    Listing,
    background,
    command_line,
    connect,
    knobs,
    log,
    now,
    own_release,
    run,
    stopping,
    until_reachable,
)
from tests.sandbox.standin.workqueue import WorkQueue

FINALIZER = "finalizer.cluster.kubesphere.io"
MAX_RETRIES = 15
UNJOIN_TRIES = 5
WORKERS = 3
RESYNC_SECONDS = 120.0
PROBE_SECONDS = 3.0
COMPONENT_SECONDS = 5.0  # tryToFetchKubeSphereComponents, tryFetchKubeSphereVersion
EXPIRY_WARNING = datetime.timedelta(days=7)
SERVICE_PROXY = "/api/v1/namespaces/kubesphere-system/services/:ks-apiserver:80/proxy"
RESTARTED = "STANDIN_RESTARTED"  # set in the environment of a controller that replaces itself
HOST_DESCRIPTION = "The description was created by KubeSphere automatically."


class SyncError(Exception):
    """A step of a synchronisation failed; the cluster is tried again with growing delays."""


class ClusterController:
    """Keeps the host's Cluster objects and what belongs to them."""

    def __init__(self, api: KubeApi, release: Release, multicluster: dict[str, Any]) -> None:
        self._api = api
        self._release = release
        self._options = multicluster
        self._queue = WorkQueue()
        self._clusters = Listing(api, CLUSTERS, self._changed)

    def start(self) -> None:
        """Start the workers and the resync."""
        for _dummy in range(WORKERS):
            background(self._work)
        background(self._resync_forever)

    def _changed(self, before: Object | None, after: Object | None) -> None:
        """Imitates the informer's handlers: updates count only where the spec changed or the object is going."""
        item = after or before
        if item is None:
            return
        same_spec = before and after and before.get("spec") == after.get("spec")
        if same_spec and self._release.line == (3, 0):
            # There every update counts. This one is what matters: a proxy Cluster takes two turns.
            same_spec = (before or {})["metadata"].get("finalizers") == item["metadata"].get("finalizers")
        if not same_spec or "deletionTimestamp" in item["metadata"]:
            self._queue.add(item["metadata"]["name"])

    def _work(self) -> None:
        while not stopping.is_set():
            name = self._queue.get()
            if name is None:
                continue
            try:
                while knobs("controller").get("pause") and not stopping.is_set():
                    stopping.wait(0.2)
                self._sync(name)
                self._queue.forget(name)
            except (SyncError, ApiError, RemoteError, *CONNECTION_ERRORS) as error:
                self._retry(name, error)
            finally:
                self._queue.done(name)

    def _retry(self, name: str, error: Exception) -> None:
        """Imitates handleErr."""
        if self._queue.failures(name) < MAX_RETRIES:
            log(f"Error syncing cluster {name}, retrying, {error}")
            self._queue.add_rate_limited(name)
        else:
            log(f"Dropping cluster {name} out of the queue: {error}")
            self._queue.forget(name)

    def _resync_forever(self) -> None:
        self._clusters.synced.wait()
        while not stopping.is_set():
            if not knobs("controller").get("pause"):
                self._resync()
            period = settings.seconds(self._options.get("clusterControllerResyncPeriod"), RESYNC_SECONDS)
            stopping.wait(float(knobs("controller").get("resync", period)))

    def _resync(self) -> None:
        try:
            self._reconcile_host()
            if self._release.probes_clusters:
                self._probe()
        except (ApiError, *CONNECTION_ERRORS) as error:
            log(f"Error create host cluster, error {error}")
        for name in self._clusters.names():
            self._queue.add(name)

    def _reconcile_host(self) -> None:
        """Imitates reconcileHostCluster; a changed kubeconfig of the host's is noticed there, but never written."""
        hosts = [item for item in self._clusters.all() if HOST_LABEL in (item["metadata"].get("labels") or {})]
        if len(hosts) > 1:
            log(f"there MUST not be more than one host clusters, while there are {len(hosts)}")
        if hosts:
            return
        name = str(self._options.get("hostClusterName") or "host") if self._release.line >= (3, 2) else "host"
        kubeconfig = own_kubeconfig()
        self._api.create(
            CLUSTERS,
            {
                "apiVersion": "cluster.kubesphere.io/v1alpha1",
                "kind": "Cluster",
                "metadata": {
                    "name": name,
                    "labels": {HOST_LABEL: "", "kubesphere.io/managed": "true"},
                    "annotations": {"kubesphere.io/description": HOST_DESCRIPTION},
                },
                "spec": {
                    "joinFederation": True,
                    "enable": True,
                    "provider": "kubesphere",
                    "connection": {"type": "direct", "kubeconfig": base64.b64encode(kubeconfig).decode()},
                },
            },
        )

    def _probe(self) -> None:
        """Imitates probeClusters of 3.1 and 3.2: Ready follows whether the joined cluster answers."""
        for cluster in self._clusters.all():
            kubeconfig = _kubeconfig(cluster)
            if not kubeconfig or not _is_true(cluster, "Federated"):
                continue
            try:
                Remote(RestConfig.parse(kubeconfig), PROBE_SECONDS).call("GET", "/version")
                _set_condition(cluster, "Ready", "True", "Ready", "Cluster is available now")
            except (RemoteError, KubeconfigError):
                reason = "failed to connect get kubernetes version"
                _set_condition(cluster, "Ready", "False", reason, "Cluster is not available now")
            path = f"{CLUSTERS}/{cluster['metadata']['name']}"
            fresh = self._api.get(path)
            fresh.setdefault("status", {})["conditions"] = cluster["status"]["conditions"]
            self._api.update(path, fresh)

    def _sync(self, name: str) -> None:
        """Imitates syncCluster."""
        cluster = self._clusters.get(name)
        if cluster is None:
            return
        finalizers = cluster["metadata"].setdefault("finalizers", [])
        if "deletionTimestamp" in cluster["metadata"]:
            if FINALIZER in finalizers:
                self._clean_up(cluster)
            return
        if FINALIZER not in finalizers:
            finalizers.append(FINALIZER)
            cluster = self._update(cluster)
        if self._release.line == (3, 0) and not self._prepare_proxy(cluster):
            return
        kubeconfig = _kubeconfig(cluster)
        if not (cluster.get("spec") or {}).get("joinFederation") or not kubeconfig:
            return
        try:
            config = RestConfig.parse(kubeconfig)
            member = Remote(config)
        except KubeconfigError as error:
            raise SyncError(f"failed to create cluster config for {name}: {error}") from error
        try:
            if not self._join(cluster, config, member):
                return
            self._read_member(cluster, config, member)
            if self._release.line == (3, 0) and not _agent_is_there(cluster):
                reason = "Unable to establish connection with cluster"
                _set_condition(cluster, "Ready", "False", reason, "Cluster is not available now")
            else:
                _set_condition(cluster, "Ready", "True", "Ready", "Cluster is available now")
            self._check_expiry(cluster, config)
            # Conditions carry the time of this moment, so the original always finds a change to write.
            self._update(cluster)
            if self._release.names_cluster:
                _name_cluster(member, name)
        finally:
            member.close()

    def _prepare_proxy(self, cluster: Object) -> bool:
        """Initialise a Cluster of type proxy, as v3.0.0 does it here (L446-530); later releases leave that to tower.

        Returns:
            Whether the synchronisation goes on in this turn.
        """
        connection = cluster["spec"]["connection"]
        if connection.get("type") != "proxy":
            return True
        name, before = cluster["metadata"]["name"], dict(connection)
        if not connection.get("kubernetesAPIServerPort") or not connection.get("kubesphereAPIServerPort"):
            port = random.randint(*tower.PORT_RANGE)
            connection["kubernetesAPIServerPort"] = port
            connection["kubesphereAPIServerPort"] = port + tower.KUBESPHERE_OFFSET
        connection["token"] = connection.get("token") or tower.generate_token()
        known = self._api.find(f"{tower.SERVICES}/mc-{name}")
        address = tower.ensure_service(self._api, name, connection)
        if known is None:
            return False  # a misplaced return: ports and token are forgotten, and drawn again in the next turn
        tower.set_endpoints(connection, address)
        if before == connection and _is_true(cluster, "Initialized"):
            return True
        _set_condition(cluster, "Initialized", "True", "Initialized", "Cluster has been initialized")
        self._update(cluster)
        return False

    def _clean_up(self, cluster: Object) -> None:
        """Imitates unJoinFederation without a member's configuration, then lets the object go."""
        for attempt in range(1, UNJOIN_TRIES + 1):
            try:
                federation.unjoin(self._api, cluster["metadata"]["name"])
                break
            except (ApiError, *CONNECTION_ERRORS) as error:
                log(f"Failed to unjoin federation for cluster {cluster['metadata']['name']}, error {error}")
                if attempt == UNJOIN_TRIES:
                    raise
        if self._release.line == (3, 0):
            self._api.delete(f"{tower.SERVICES}/mc-{cluster['metadata']['name']}")
        cluster["metadata"]["finalizers"].remove(FINALIZER)
        self._update(cluster)

    def _join(self, cluster: Object, config: RestConfig, member: Remote) -> bool:
        """Join the federation; answer whether it worked.

        Where it did not and the condition could be written, the original returns the update's nil error: the next
        attempt is at the next resync, not after a short delay.
        """
        name = cluster["metadata"]["name"]
        labels = cluster["metadata"].get("labels") or {}
        try:
            federation.join(self._api, member, config, name, labels, self._release)
        except federation.JoinError as error:
            log(f"Failed to join federation for cluster {name}, error {error}")
            if not self._release.failed_join_is_a_condition or (error.conflict and self._release.line >= (3, 4)):
                raise SyncError(str(error)) from error
            message = "Cluster can not join federation control plane"
            _set_condition(cluster, "Federated", "False", str(error), message)
            if self._release.failed_join_is_not_ready:
                reason = "Cluster join federation control plane failed"
                _set_condition(cluster, "Ready", "False", reason, "Cluster is Not Ready now")
            self._update(cluster)
            return False
        log(f"successfully joined federation for cluster {name}")
        _set_condition(cluster, "Federated", "True", "", "Cluster has joined federation control plane successfully")
        return True

    def _read_member(self, cluster: Object, config: RestConfig, member: Remote) -> None:
        """Versions, nodes, components and identity; only the components' failures are ignored."""
        connection, status = cluster["spec"]["connection"], cluster.setdefault("status", {})
        if not connection.get("kubernetesAPIEndpoint"):
            connection["kubernetesAPIEndpoint"] = config.server
        status["kubernetesVersion"] = member.call("GET", "/version")["gitVersion"]
        nodes = member.call("GET", "/api/v1/nodes")["items"]
        status["nodeCount"] = len(nodes)
        components: dict[str, bool] = {}

        def ask(path: str) -> Object:
            return member.call("GET", f"{SERVICE_PROXY}/kapis/{path}", timeout=COMPONENT_SECONDS)

        try:
            status["configz"] = components = ask("config.kubesphere.io/v1alpha2/configs/configz")
            if self._release.line >= (3, 1):
                version = ask("version").get("gitVersion") or "unknown"
                status["kubeSphereVersion"] = "v3.0.0" if version == "v0.0.0" else version
        except RemoteError as error:
            log(f"failed to fetch kubesphere components status in cluster {cluster['metadata']['name']}: {error}")
        if self._release.names_cluster:
            status["uid"] = member.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
        if components.get("multicluster") and self._looks_like_host(nodes):
            cluster["metadata"].setdefault("labels", {})[HOST_LABEL] = ""

    def _looks_like_host(self, nodes: list[Object]) -> bool:
        """Imitates checkIfClusterIsHostCluster: as many nodes, and the first of the same machine ID."""
        own = self._api.get("/api/v1/nodes")["items"]
        if len(own) != len(nodes):
            return False
        return not own or _machine(own[0]) == _machine(nodes[0])

    def _check_expiry(self, cluster: Object, config: RestConfig) -> None:
        """Imitates updateKubeConfigExpirationDateCondition: of direct members only.

        Raises:
            SyncError: in 3.3, where a kubeconfig with a token is thereby never Ready (kubesphere#5395).
        """
        labels = cluster["metadata"].get("labels") or {}
        direct = cluster["spec"]["connection"].get("type") != "proxy"
        if not self._release.watches_expiry or not direct or HOST_LABEL in labels:
            return
        if not config.certificate and self._release.needs_client_certificate:
            name = cluster["metadata"]["name"]
            raise SyncError(f"parseKubeConfigExpirationDate for cluster {name} failed: empty CertData")
        expires, message = "False", ""
        if config.certificate:
            end = _not_after(config.certificate)
            message = f"{end:%Y-%m-%d %H:%M:%S} +0000 UTC"
            expires = "True" if datetime.datetime.now(datetime.UTC) + EXPIRY_WARNING > end else "False"
        kind = "KubeConfigCertExpiresInSevenDays"
        _set_condition(cluster, kind, expires, kind, message)

    def _update(self, cluster: Object) -> Object:
        return self._api.update(f"{CLUSTERS}/{cluster['metadata']['name']}", cluster)


def own_kubeconfig() -> bytes:
    """The pod's own credentials as a kubeconfig; where a test runs the program without a pod, the test's kubeconfig."""
    if path := os.environ.get("KUBECONFIG"):
        return Path(path).read_bytes()
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    token = SERVICE_ACCOUNT / "token"
    authority = (SERVICE_ACCOUNT / "ca.crt").read_bytes()
    return remote.kubeconfig(f"https://{host}:{port}", authority, token.read_text().strip(), str(token))


def _name_cluster(member: Remote, name: str) -> None:
    """Imitates setClusterNameInConfigMap, the second writer of kubesphere-config."""
    found = member.call("GET", CONFIG_MAP)
    document = settings.remarshal(found["data"][CONFIG_KEY], name)
    if document is not None:
        found["data"][CONFIG_KEY] = document
        member.call("PUT", CONFIG_MAP, found)


def _kubeconfig(cluster: Object) -> bytes:
    return base64.b64decode(((cluster.get("spec") or {}).get("connection") or {}).get("kubeconfig") or "")


def _is_true(cluster: Object, kind: str) -> bool:
    conditions = (cluster.get("status") or {}).get("conditions") or []
    return any(item["type"] == kind and item["status"] == "True" for item in conditions)


def _agent_is_there(cluster: Object) -> bool:
    return cluster["spec"]["connection"].get("type") != "proxy" or _is_true(cluster, "AgentAvailable")


def _set_condition(cluster: Object, kind: str, status: str, reason: str, message: str) -> None:
    """Imitates updateClusterCondition: the condition moves to the end, and both its times are now."""
    held = cluster.setdefault("status", {})
    others = [item for item in held.get("conditions") or [] if item["type"] != kind]
    moment = now()
    condition = {"type": kind, "status": status, "lastUpdateTime": moment, "lastTransitionTime": moment}
    condition |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
    held["conditions"] = [*others, condition]


def _machine(node: Object) -> str:
    return str(node["status"]["nodeInfo"]["machineID"])


def _not_after(certificate: bytes) -> datetime.datetime:
    """The end of a certificate's validity."""
    # Imported here: only a host with members that use certificates needs it.
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def _lead(api: KubeApi, release: Release, options: dict[str, Any]) -> None:
    """Start the controller as soon as this is the leader.

    The original gives its lease back to nobody: started again, it waits until that has run out, half a minute. Here it
    does so where a test asks for it (knob ``election``).
    """
    if RESTARTED in os.environ:
        stopping.wait(float(knobs("controller").get("election", 0)))
    ClusterController(api, release, options).start()


def main() -> None:
    """Run the controller while kubesphere-config says that this cluster is a host."""
    arguments = command_line("plays the pod ks-controller-manager")
    api = connect("ks-controller-manager")
    release = until_reachable(lambda: own_release(api, "ks-controller-manager", arguments.release))
    log(f"ks-controller-manager {release.tag}")
    held = settings.Settings(release)
    if release.has_cluster_webhook:
        threading.Thread(target=webhook.serve, daemon=True).start()
    content = held.read()
    if held.multicluster.get("enable"):
        background(_lead, api, release, held.multicluster)
    while not stopping.wait(0.5):
        if held.read() != content:
            # The original cancels everything and builds it anew in the same process; a new process is the same.
            log("kubesphere-config has changed, starting again")
            os.environ[RESTARTED] = "1"
            os.execv(sys.executable, [sys.executable, "-m", "tests.sandbox.standin.controller", *sys.argv[1:]])


if __name__ == "__main__":
    run(main)
