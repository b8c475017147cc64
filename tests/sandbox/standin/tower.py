"""The image tower: the proxy on a host, to which the agents of members connect, and the agent (`agent`).

Imitates tower v0.2.1 pkg/proxy/proxy.go, which v0.2.0 of KubeSphere 3.1 to 3.3 differs from in no point that is seen
here. In 3.0 (tower v0.1.0) the cluster controller initialises, and tower only connects. Not played:

- Leader election: 3.1 to 3.3 ask for it, and a second pod waits for the lease of the first there.
- SIGTERM: the original goes on for the whole grace period, since nothing waits for it.
- The authority: the original's is in its image for everybody; this one is made for each cluster.

Ports are drawn as the original draws them, but for those that somebody else in the sandbox's cluster listens on (the
API server on 6443, to begin with): there all pods have one address.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import socket
import socketserver
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.sandbox.kubeapi import ApiError, KubeApi, Object
from tests.sandbox.standin import agent, tunnel
from tests.sandbox.standin.fronts import Front, Way
from tests.sandbox.standin.runtime import (
    CLUSTERS,
    CONNECTION_ERRORS,
    NAMESPACE_PATH,
    Listing,
    background,
    connect,
    klog,
    knobs,
    now,
    run,
    stopping,
)
from tests.sandbox.standin.tunnel import Tunnel

if TYPE_CHECKING:
    from tests.sandbox.certificates import Authority

PORT_RANGE = (6000, 7000)
KUBESPHERE_OFFSET = 10000
KUBERNETES_PORT = 6443
KUBESPHERE_PORT = 80
MAXIMUM_RETRIES = 10
CONFLICT_PAUSES = (0.0, 0.01, 0.05, 0.25)  # client-go's retry.DefaultBackoff
RESYNC_SECONDS = 10.0
"""The original's is ten minutes. A Cluster that it could not write (the webhook of 3.4 is away while the controller
starts anew) stays uninitialised for that long, unless somebody writes it."""
CONFIG_SECONDS = 10
PLACE = "proxy.go"
SERVICES = f"{NAMESPACE_PATH}/services"
VERSION = b"v0.2.1"


class Unauthorized(Exception):
    """An agent is refused; the text is what it is told."""


class Session:
    """A member with at least one agent connected: its two ports."""

    def __init__(self, name: str, cluster: Object, config: dict[str, Any], certificate: ssl.SSLContext) -> None:
        """Listen on the member's ports; one that somebody holds stays closed, which only the log tells."""
        connection = cluster["spec"]["connection"]
        self.ports = connection["kubernetesAPIServerPort"], connection["kubesphereAPIServerPort"]
        token = base64.b64decode(config.get("BearerToken") or "")
        self.fronts: dict[str, Front | None] = {}
        for kind, port, tls, bearer in (
            ("kubernetes", self.ports[0], certificate, token),
            ("kubesphere", self.ports[1], None, b""),
        ):
            try:
                self.fronts[kind] = Front(f"{name}-{kind}", port, tls, bearer)
            except OSError:
                text = f"Proxy server {name}-{kind}: listen tcp :{port}: bind: address already in use"
                klog("E", "proxy_server.go:151", text)
                self.fronts[kind] = None
        self.agents = 0

    def add(self, line: Tunnel, config: dict[str, Any]) -> None:
        """Use one more agent."""
        context = ssl.create_default_context(cadata=base64.b64decode(config.get("CAData") or "").decode())
        ways = Way(line, config["KubernetesSvcHost"], context), Way(line, config["KubeSphereSvcHost"], None)
        for front, way in zip(self.fronts.values(), ways, strict=True):
            if front:
                front.ways.append(way)
        self.agents += 1

    def remove(self, line: Tunnel) -> None:
        """Use an agent no more."""
        for front in filter(None, self.fronts.values()):
            front.ways = [way for way in front.ways if way.tunnel is not line]
        self.agents -= 1

    def start(self) -> None:
        """Serve."""
        for front in filter(None, self.fronts.values()):
            front.start()

    def stop(self) -> None:
        """Close the ports."""
        for front in filter(None, self.fronts.values()):
            front.stop()


class Proxy:
    """What tower knows: Clusters, and agents that are connected."""

    def __init__(self, api: KubeApi, initialises: bool) -> None:
        """Begin to watch Clusters.

        Args:
            api: client of the own cluster.
            initialises: whether Clusters are initialised here, not by the cluster controller.
        """
        self._api = api
        self._initialises = initialises
        self._agents: dict[str, Object] = {}
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._authority: Authority | None = None
        self.clusters = Listing(api, CLUSTERS, self._changed)
        background(self._resync)

    def _resync(self) -> None:
        while not stopping.wait(float(knobs("tower").get("resync", RESYNC_SECONDS))):
            for cluster in self.clusters.all():
                self._changed(cluster, cluster)

    def _changed(self, before: Object | None, after: Object | None) -> None:
        try:
            if after is None:
                self._delete(before or {})
            else:
                # The original works on the cache's own object; so would a copy that is thrown away.
                self._add(json.loads(json.dumps(after)))
        except (ApiError, KeyError, *CONNECTION_ERRORS) as error:
            name = (after or before or {"metadata": {"name": ""}})["metadata"]["name"]
            klog("E", f"{PLACE}:507", f"failed to update cluster {name}, err: {error}")

    # Imitates addCluster.

    def _add(self, cluster: Object) -> None:
        name = cluster["metadata"]["name"]
        spec = cluster.get("spec") or {}
        connection = spec.get("connection") or {}
        if not spec.get("joinFederation") or connection.get("type") != "proxy":
            self._delete(cluster)
            return
        if _initialised(cluster) or not self._initialises:
            self._agents[name] = cluster
            return
        while knobs("tower").get("pause") and not stopping.wait(0.2):
            pass
        try:
            port = self._allocate_port(name)
        except RuntimeError as error:
            klog("E", f"{PLACE}:396", f"failed to allocate port for cluster {name}, err: {error}")
            return
        connection |= {"kubernetesAPIServerPort": port, "kubesphereAPIServerPort": port + KUBESPHERE_OFFSET}
        connection["token"] = connection.get("token") or generate_token()
        try:
            address = ensure_service(self._api, name, connection)
        except ApiError as error:
            klog("E", f"{PLACE}:446", f"failed to create service mc-{name}. err: {error.message}")
            return
        set_endpoints(connection, address)
        _set_condition(cluster, "Initialized", "True", "Initialized", "Cluster has been initialized")
        try:
            self._agents[name] = self._overwrite(cluster)
        except ApiError as error:
            klog("E", f"{PLACE}:507", f"failed to update cluster {name}, err: {error.message}")

    def _overwrite(self, cluster: Object) -> Object:
        """Write a Cluster, whatever others have written since the watch told of it: only its version is fetched anew.

        So a finalizer that the cluster controller set meanwhile is lost, and the watch, which tells of that write
        next, shows a Cluster that is not initialised: ports and token are drawn once more.

        A conflict is tried again here. The original means to, but by then it has lost the object (client-go returns an
        empty one with the error), and gives up; the Service may then have other ports than the Cluster. That is a
        matter of milliseconds there, and would happen here all the time.

        Raises:
            ApiError: the API server refused it.
        """
        path = f"{CLUSTERS}/{cluster['metadata']['name']}"
        for pause in CONFLICT_PAUSES:
            time.sleep(pause)
            cluster["metadata"]["resourceVersion"] = self._api.get(path)["metadata"]["resourceVersion"]
            try:
                return self._api.update(path, cluster)
            except ApiError as error:
                if error.status != 409:
                    raise
        return self._api.update(path, cluster)

    def _allocate_port(self, name: str) -> int:
        """A port that is drawn at random; the original's test for collisions compares another field and finds none."""
        forced = knobs("tower").get("port")
        if isinstance(forced, dict):
            forced = forced.get(name)
        if forced:
            return int(forced)
        own = {port for session in list(self._sessions.values()) for port in session.ports}
        for _dummy in range(MAXIMUM_RETRIES):
            port = random.randint(*PORT_RANGE)
            if all(number in own or _is_free(number) for number in (port, port + KUBESPHERE_OFFSET)):
                return port
        raise RuntimeError(f"unable to allocate port after {MAXIMUM_RETRIES} retries")

    def _delete(self, cluster: Object) -> None:
        name = cluster["metadata"]["name"]
        self._agents.pop(name, None)
        if ((cluster.get("spec") or {}).get("connection") or {}).get("type") != "proxy":
            return
        try:
            found = self._api.delete(f"{SERVICES}/mc-{name}")
            problem = "" if found else f'services "mc-{name}" not found'
        except ApiError as error:
            problem = error.message
        if problem:
            klog("E", f"{PLACE}:531", f"failed to delete service mc-{name}, err: {problem}")

    # Imitates handleWebsocket.

    def serve_agent(self, connection: socket.socket) -> None:
        """Serve an agent from after the upgrade to the end of its connection."""
        line = Tunnel(connection)
        try:
            kind, content = line.read_frame(CONFIG_SECONDS)
            config = json.loads(content)
        except (OSError, ValueError):
            line.close()
            return
        try:
            if kind != tunnel.CONFIG:
                raise Unauthorized("expecting config request")
            cluster = self._agents.get(config["Name"])
            if cluster is None or config["Token"] != (cluster["spec"]["connection"].get("token") or ""):
                raise Unauthorized("Unauthorized agent")
        except Unauthorized as error:
            line.send(tunnel.ANSWER, str(error).encode())
            line.close()
            return
        name = cluster["metadata"]["name"]
        with self._lock:
            session = self._sessions.get(name)
            if session is None:
                session = Session(name, cluster, config, self._certificate(cluster))
                session.start()
                self._sessions[name] = session
            session.add(line, config)
        line.send(tunnel.ANSWER)
        line.start()
        klog("I", f"{PLACE}:254", f"Connection established with {name}")
        self._update(name, connected=True)
        line.wait()
        klog("I", f"{PLACE}:262", f"Connection closed with {name}")
        with self._lock:
            session.remove(line)
            last = session.agents == 0
            if last:
                session.stop()
                self._sessions.pop(name, None)
        if last:
            self._update(name, connected=False)

    def _update(self, name: str, *, connected: bool) -> None:
        """Write the condition AgentAvailable, and a new kubeconfig at each connection."""
        for pause in CONFLICT_PAUSES:
            time.sleep(pause)
            try:
                cluster = self._api.get(f"{CLUSTERS}/{name}")
                status, message = "False", "Agent has not connected to proxy."
                if connected:
                    status, message = "True", "Agent has connected to proxy successfully."
                    connection = cluster["spec"]["connection"]
                    config = self._kubeconfig(name, connection.get("kubernetesAPIEndpoint") or "")
                    connection["kubeconfig"] = base64.b64encode(config).decode()
                _set_condition(cluster, "AgentAvailable", status, "", message)
                self._api.update(f"{CLUSTERS}/{name}", cluster)
                return
            except ApiError as error:
                klog("E", f"{PLACE}:580", error.message)
                if error.status != 409:
                    return
            except CONNECTION_ERRORS as error:
                klog("E", f"{PLACE}:580", error)
                return

    # Imitates pkg/certs/cert.go.

    def _own_authority(self) -> Authority:
        # Imported here, as is all that takes the package cryptography: a host without agents does without.
        from tests.sandbox.certificates import tower_authority

        if self._authority is None:
            self._authority = tower_authority(Path(os.environ.get("SANDBOX_STATE", tempfile.gettempdir())))
        return self._authority

    def _certificate(self, cluster: Object) -> ssl.SSLContext:
        """TLS of the member's first port: the certificate is for the address of its Service."""
        endpoint = cluster["spec"]["connection"].get("kubesphereAPIEndpoint") or ""
        host = urllib.parse.urlsplit(endpoint).hostname or ""
        return server_context(self._own_authority(), [host] if host else [])

    def _kubeconfig(self, name: str, server: str) -> bytes:
        from tests.sandbox.certificates import kubeconfig

        issuer = self._own_authority()
        pair = issuer.client("kubernetes-admin", ["system:masters"], 10 * 365 * 86400)
        content = kubeconfig(name, server, issuer.certificate, "kubernetes-admin", pair)
        context = f"kubernetes-admin@{name}"
        content["contexts"][0]["name"] = content["current-context"] = context
        return str(yaml.safe_dump({**content, "preferences": {}})).encode()

    def outward_tls(self) -> ssl.SSLContext:
        """TLS of tower's own port, where a test wants that: nobody trusts the authority."""
        return server_context(self._own_authority(), [os.environ.get("POD_IP", "127.0.0.1")])


def server_context(issuer: Authority, addresses: Sequence[str]) -> ssl.SSLContext:
    """TLS with a certificate for addresses."""
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    pair = issuer.server("Tower", names, addresses)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pair.certificate + pair.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def ensure_service(api: KubeApi, name: str, connection: Object) -> str:
    """Make the Service of a member point to its ports, and return its address.

    Raises:
        ApiError: the API server refused it.
    """
    service = f"mc-{name}"
    wanted: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service, "labels": {"app.kubernetes.io/name": service, "app": service}},
        "spec": {
            "selector": {"app.kubernetes.io/name": "tower", "app": "tower"},
            "ports": [
                {
                    "name": "kubernetes",
                    "protocol": "TCP",
                    "port": KUBERNETES_PORT,
                    "targetPort": connection["kubernetesAPIServerPort"],
                },
                {
                    "name": "kubesphere",
                    "protocol": "TCP",
                    "port": KUBESPHERE_PORT,
                    "targetPort": connection["kubesphereAPIServerPort"],
                },
            ],
        },
    }
    found = api.find(f"{SERVICES}/{service}")
    if found is None:
        return str(api.create(SERVICES, wanted)["spec"]["clusterIP"])
    wanted["metadata"] = found["metadata"]
    wanted["spec"]["clusterIP"] = found["spec"]["clusterIP"]
    api.update(f"{SERVICES}/{service}", wanted)
    return str(found["spec"]["clusterIP"])


def set_endpoints(connection: Object, address: str) -> None:
    """Where the member is for the host: at its Service."""
    connection["kubernetesAPIEndpoint"] = f"https://{address}:{KUBERNETES_PORT}"
    connection["kubesphereAPIEndpoint"] = f"http://{address}:{KUBESPHERE_PORT}"


def generate_token() -> str:
    """64 digits from a generator that is seeded with the time: who knows when knows the token."""
    return random.Random(time.time_ns()).randbytes(32).hex()


def _initialised(cluster: Object) -> bool:
    conditions = (cluster.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Initialized" and item["status"] == "True" for item in conditions)


def _set_condition(cluster: Object, kind: str, status: str, reason: str, message: str) -> None:
    held = cluster.setdefault("status", {})
    others = [item for item in held.get("conditions") or [] if item["type"] != kind]
    moment = now()
    condition = {"type": kind, "status": status, "lastUpdateTime": moment, "lastTransitionTime": moment}
    condition |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
    held["conditions"] = [*others, condition]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        """Unwrap TLS where a test wants tower behind it."""
        if knobs("tower").get("tls") and self.request.recv(1, socket.MSG_PEEK) == b"\x16":
            self.request = tunnel.plain(self.server.proxy.outward_tls().wrap_socket(self.request, server_side=True))
        super().setup()

    def do_GET(self) -> None:
        protocol = self.headers.get("Sec-WebSocket-Protocol", "")
        if self.headers.get("Upgrade", "").lower() == "websocket" and protocol == tunnel.PROTOCOL:
            self.close_connection = True
            self.send_response_only(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Protocol", protocol)
            self.end_headers()
            self.server.proxy.serve_agent(self.connection)
            return
        health = str(knobs("tower").get("health", "OK\n")).encode()
        page = {"/health": health, "/version": VERSION}.get(self.path)
        body = b"Not Found" if page is None else page
        self.send_response(404 if page is None else 200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing about single requests."""


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("0.0.0.0", port), _Handler)

    def server_bind(self) -> None:
        """Share the port: during a rollout the pods of a cluster have the same address."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; a line that is cut is noticed soon."""
        connection, address = super().get_request()
        tunnel.keep_alive(connection)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no error."""


def _initialises(api: KubeApi) -> bool:
    """Whether this is tower v0.2.0 or later; v0.1.0 is that of KubeSphere 3.0."""
    pod = api.find(f"{NAMESPACE_PATH}/pods/{os.environ.get('HOSTNAME', '')}")
    return not (pod and pod["spec"]["containers"][0]["image"].endswith(":v0.1.0"))


def _proxy(argv: Sequence[str]) -> None:
    """Run as ``/proxy``."""
    parser = argparse.ArgumentParser(description="plays the pod tower", allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--ca-cert", default="")
    parser.add_argument("--ca-key", default="")
    parser.add_argument("--leader-elect", action="store_const", const="true", default="false")
    options = parser.parse_known_args([word.replace("--leader-elect=true", "--leader-elect") for word in argv])[0]
    for line, words in (
        (46, f'CA set to "{options.ca_cert}".'),
        (47, f'CA key file set to "{options.ca_key}".'),
        (48, "Host set to 0.0.0.0"),
        (49, f"Agent port set to {options.port}."),
        (50, 'Kubeconfig set to "".'),
        (51, f"Leader election set to {options.leader_elect}"),
    ):
        klog("I", f"options.go:{line}", words)
    api = connect("tower")
    initialises = None
    while initialises is None:
        try:
            initialises = _initialises(api)
        except (ApiError, *CONNECTION_ERRORS):
            stopping.wait(0.5)
    proxy = Proxy(api, initialises)
    proxy.clusters.synced.wait()
    klog("I", f"{PLACE}:315", f"Listening on 0.0.0.0:{options.port}...")
    _Server(options.port, proxy).serve_forever()


def main() -> None:
    """Run as the program that the container's command names."""
    if sys.argv[1:2] and sys.argv[1].rpartition("/")[2] == "agent":
        agent.main(sys.argv[2:])
        return
    _proxy(sys.argv[1:])


if __name__ == "__main__":
    run(main)
