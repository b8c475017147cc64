"""The pod ks-apiserver: who is asking, what this cluster is, whether a member may join, and the way to members.

Imitates kubesphere v3.4.1 pkg/apiserver (filters in the order request info, authentication, dispatcher, authorization,
proxy to the kube-apiserver) and pkg/kapis/cluster/v1alpha1/handler.go of all releases.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import socket
import socketserver
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import yaml

from tests.sandbox.kubeapi import ApiError, KubeApi, Object
from tests.sandbox.standin import jwt
from tests.sandbox.standin.agent import parse_problem
from tests.sandbox.standin.controller import own_kubeconfig
from tests.sandbox.standin.releases import Release
from tests.sandbox.standin.remote import KubeconfigError, Remote, RemoteError, RestConfig
from tests.sandbox.standin.runtime import (
    CLUSTERS,
    CONFIG_KEY,
    CONFIG_MAP,
    CONNECTION_ERRORS,
    HOST_LABEL,
    NAMESPACE,
    NAMESPACE_PATH,
    background,
    command_line,
    connect,
    knobs,
    log,
    own_release,
    run,
    stopping,
    until_reachable,
)
from tests.sandbox.standin.settings import Settings
from tests.sandbox.standin.webhook import OTHER_CLUSTER

PORT = 9090
VALIDATION_SECONDS = 10.0
RELOAD_SECONDS = 0.7  # measured with the real one on an idle machine
POLL_SECONDS = 0.2
SERVICE_PROXY = f"{NAMESPACE_PATH}/services/:ks-apiserver:/proxy"
CLUSTER_API = "/kapis/cluster.kubesphere.io/v1alpha1/clusters"
USERS = "/apis/iam.kubesphere.io/v1alpha2/users"
PUBLIC = re.compile(r"/oauth/.*|/kapis/config\.kubesphere\.io/.*|/kapis/version|/kapis/metrics|/healthz")
DISPATCHED = re.compile(r"(/(?:api|apis|kapis))/clusters/([^/]+)(/.*)?")
LISTED = re.compile(r"/kapis/resources\.kubesphere\.io/v1alpha3/(namespaces|nodes)")
RESOURCE = re.compile(
    r"/(?:k?apis/([^/]+)|k?api)/[^/]+(?:/namespaces/([^/]+)(?=/))?/([^/]+)(?:/([^/]+))?(?:/([^/]+))?(?:/.*)?"
)
VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
TIMEOUT_QUERY = f"?timeout={VALIDATION_SECONDS:.0f}s"
DEFAULT_PASSWORD = "P@88w0rd"
ANONYMOUS = "system:anonymous"
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length")

# Components of configz that are on without being configured, and those that follow a section of kubesphere-config.
CONFIGURED = (
    *("devops", "sonarqube", "servicemesh", "network", "s3", "monitoring", "logging", "events"),
    *("auditing", "alerting", "notification", "kubeedge", "edgeruntime", "gpu", "gateway", "terminal"),
)
DEFAULT_AGENT_IMAGE = "kubesphere/tower:v1.0"
NO_ADDRESS = (  # with all its blanks
    "cannot generate agent deployment yaml for member cluster  because {0} service has no public address, "
    "please check {0} status, or set address  mannually in ClusterConfiguration"
)
AGENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  creationTimestamp: null
  name: cluster-agent
  namespace: kubesphere-system
spec:
  selector:
    matchLabels:
      app: agent
      app.kubernetes.io/part-of: tower
  strategy: {{}}
  template:
    metadata:
      creationTimestamp: null
      labels:
        app: agent
        app.kubernetes.io/part-of: tower
    spec:
      containers:
      - command:
        - /agent
        - --name={name}
        - --token={token}
        - --proxy-server={address}
        - --keepalive=10s
        - --kubesphere-service=ks-apiserver.kubesphere-system.svc:80
        - --kubernetes-service=kubernetes.default.svc:443
        - --v=0
        image: {image}
        name: agent
        resources:
          limits:
            cpu: "1"
            memory: 200M
          requests:
            cpu: 100m
            memory: 100M
      serviceAccountName: kubesphere
status: {{}}
"""
"""The agent's manifest, as kubesphere's own test of generateDefaultDeployment has it (handler_test.go)."""

ALWAYS_ON = ("cache", "kubernetes", "openpitrix", "authentication", "authorization", "metering")


@dataclass(frozen=True)
class Answer:
    """What a handler answers."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"

    @classmethod
    def data(cls, content: Any, status: int = 200) -> Answer:
        """JSON of a handler."""
        return cls(status, json.dumps(content, indent=1).encode())

    @classmethod
    def done(cls) -> Answer:
        """200 without anything."""
        return cls(200, b"", "")

    @classmethod
    def text(cls, status: int, message: str) -> Answer:
        """An error of a handler: plain text, with what looks like HTML escaped (pkg/api/utils.go)."""
        safe = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return cls(status, (safe + "\n").encode(), "text/plain; charset=utf-8")

    @classmethod
    def refused(cls, status: int, reason: str, message: str, details: dict[str, str] | None = None) -> Answer:
        """An error of a filter: a Status object, as Go writes it."""
        content: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        content |= {"message": message, "reason": reason, **({} if details is None else {"details": details})}
        text = json.dumps({**content, "code": status}, separators=(",", ":"))
        for character in "<>&":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return cls(status, text.encode() + b"\n")

    @classmethod
    def unknown_cluster(cls, name: str) -> Answer:
        """The dispatcher's answer: the Go error itself, not the Status in it (WriteRawJSON of a StatusError)."""
        content = {"metadata": {}, "status": "Failure", "message": f"cluster {name} not exists", "reason": "BadRequest"}
        return cls(400, json.dumps({"ErrStatus": {**content, "code": 400}}, indent=2).encode())

    @classmethod
    def broken(cls, path: str, message: str) -> Answer:
        """responsewriters.InternalError."""
        return cls.text(500, f'Internal Server Error: "{path}": {message}')


@dataclass(frozen=True)
class Request:
    """A request with its own headers, names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def target(self) -> str:
        """Path and query."""
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def authorization(self) -> str:
        """The caller's credentials: kube-apiserver's service proxy strips the usual header (requestinfo.go)."""
        return self.headers.get("authorization") or self.headers.get("x-kubesphere-authorization", "")

    def passed_on(self) -> dict[str, str]:
        """The headers that a proxy passes on, without credentials."""
        dropped = (*HOP_BY_HOP, "authorization", "x-kubesphere-authorization")
        return {name: value for name, value in self.headers.items() if name not in dropped}


@dataclass(frozen=True)
class Forward:
    """A request that another server answers."""

    target: Remote
    request: Request


NOT_FOUND = Answer(404, b"404: Page Not Found", "text/plain; charset=utf-8")


class BadRequest(Exception):
    """The cluster API refuses; the text says why."""


class KubeSphere:
    """What the server knows and does, apart from HTTP."""

    def __init__(self, api: KubeApi, release: Release, settings: Settings) -> None:
        self._api = api
        self._release = release
        self._settings = settings
        self._tokens: dict[str, float] = {}
        self._proxy_address = str(settings.multicluster.get("proxyPublishAddress") or "")
        self._printed = 0

    def answer(self, request: Request) -> Answer | Forward:
        """Answer a request, or say where to pass it on."""
        user = self._authenticate(request)
        if isinstance(user, Answer):
            return user
        if self._is_host() and (match := DISPATCHED.fullmatch(request.path)):
            # The dispatcher comes before authorization: that is the member's matter.
            return self._dispatch(request, user, match[2], match[1] + (match[3] or ""))
        return self._serve(request, user)

    # Authentication: pkg/apiserver/filters/authentication.go and the authenticators behind it.

    def _authenticate(self, request: Request) -> str | Answer:
        scheme, _dummy, credentials = request.authorization.partition(" ")
        if not scheme:
            return ANONYMOUS
        try:
            name = self._user(scheme.lower(), credentials.strip())
        except jwt.InvalidToken as error:
            return Answer.refused(401, "Unauthorized", f"Unauthorized: {error}")
        if self._api.find(f"{USERS}/{urllib.parse.quote(name)}") is None:
            return Answer.refused(401, "Unauthorized", f'Unauthorized: user.iam.kubesphere.io "{name}" not found')
        return name

    def _user(self, scheme: str, credentials: str) -> str:
        if scheme == "basic":
            name, _dummy, password = base64.b64decode(credentials).decode().partition(":")
            self._check_password(name, password)
            return name
        if scheme != "bearer":
            raise jwt.InvalidToken("%!s(<nil>)")
        claims = jwt.verify(credentials, self._settings.jwt_secret)
        # pkg/models/auth/token.go Verify: other clusters' tokens are unknown here unless tokens live for ever.
        mortal = claims.get("token_type") != "static_token" and self._settings.token_age
        if mortal and self._tokens.get(credentials, 0) < time.time():
            raise jwt.InvalidToken("token not found in cache")
        return str(claims.get("username", ""))

    def _check_password(self, name: str, password: str) -> None:
        data = (self._api.find(f"{NAMESPACE_PATH}/secrets/kubesphere-secret") or {}).get("data") or {}
        expected = base64.b64decode(data.get("initAdminPassword", "")).decode() or DEFAULT_PASSWORD
        if name != "admin" or password != expected:
            raise jwt.InvalidToken("incorrect password")

    def _issue_token(self, request: Request) -> Answer:
        """Imitates POST /oauth/token with grant_type=password."""
        form = {key: values[0] for key, values in urllib.parse.parse_qs(request.body.decode()).items()}
        client = (form.get("client_id"), form.get("client_secret"))
        if self._release.line >= (3, 2) and client != ("kubesphere", "kubesphere"):
            error = {"error": "invalid_client", "error_description": "the OAuth client was not found"}
            return Answer.data(error, 401)
        try:
            self._check_password(form.get("username", ""), form.get("password", ""))
        except jwt.InvalidToken as error:
            return Answer.data({"error": "invalid_grant", "error_description": str(error)}, 400)
        age, moment = self._settings.token_age, int(time.time())
        claims: dict[str, Any] = {"sub": "admin", "iat": moment, "token_type": "access_token", "username": "admin"}
        if age:
            claims["exp"] = moment + int(age)
        token = jwt.sign(claims, self._settings.jwt_secret)
        self._tokens = {known: end for known, end in self._tokens.items() if end > moment}
        self._tokens[token] = moment + age
        return Answer.data({"access_token": token, "token_type": "Bearer", "expires_in": int(age)})

    # The dispatcher: pkg/apiserver/filters/multicluster.go.

    def _is_host(self) -> bool:
        return bool(self._settings.multicluster.get("enable"))

    def _dispatch(self, request: Request, user: str, name: str, path: str) -> Answer | Forward:
        cluster = self._api.find(f"{CLUSTERS}/{name}")
        if cluster is None:
            return Answer.unknown_cluster(name)
        if HOST_LABEL in (cluster["metadata"].get("labels") or {}):
            return self._serve(replace(request, path=path), user)
        not_ready = Answer.broken(request.target, f"cluster {name} is not ready")
        conditions = (cluster.get("status") or {}).get("conditions") or []
        if not any(item["type"] == "Ready" and item["status"] == "True" for item in conditions):
            return not_ready
        connection = cluster["spec"]["connection"]
        headers, credentials = request.passed_on(), "authorization"
        try:
            if connection.get("type") == "direct" and not connection.get("kubesphereAPIEndpoint"):
                config = RestConfig.parse(base64.b64decode(connection.get("kubeconfig") or ""))
                member = Remote(replace(config, server=connection.get("kubernetesAPIEndpoint") or ""))
                path, credentials = SERVICE_PROXY + path, "x-kubesphere-authorization"
            else:
                member = Remote(RestConfig(connection.get("kubesphereAPIEndpoint") or ""))
        except KubeconfigError:
            return not_ready
        if request.authorization:
            headers[credentials] = request.authorization
        return Forward(member, replace(request, path=path, headers=headers))

    # Authorization and everything behind it.

    def _serve(self, request: Request, user: str) -> Answer | Forward:
        if not PUBLIC.fullmatch(request.path) and user != "admin":
            return _forbidden(user, request)
        if re.match(r"/apis?(/|$)", request.path):
            return self._pass_on(request)
        return self._handle(request)

    def _pass_on(self, request: Request) -> Answer | Forward:
        own = Remote(RestConfig.parse(own_kubeconfig()))
        return Forward(own, replace(request, headers=request.passed_on()))

    def _handle(self, request: Request) -> Answer:
        if request.path == "/healthz":
            return Answer(200, b"ok", "text/plain")
        if request.path == "/kapis/version":
            return Answer.data(self._version())
        if request.path == "/kapis/config.kubesphere.io/v1alpha2/configs/configz":
            return Answer.data(self._components())
        if request.path == "/oauth/token" and request.method == "POST":
            return self._issue_token(request)
        if request.path.startswith(CLUSTER_API + "/"):
            return self._handle_cluster(request)
        if listed := LISTED.fullmatch(request.path):
            items = self._api.get(f"/api/v1/{listed[1]}")["items"]
            return Answer.data({"items": items, "totalItems": len(items)})
        return NOT_FOUND if request.path.startswith("/kapis") else Answer.text(404, "404 page not found")

    def _version(self) -> Object:
        reported = self._release.reported_version
        major, minor = self._release.line
        version: Object = {"gitVersion": reported, "gitMajor": str(major), "gitMinor": str(minor)}
        version |= dict.fromkeys(("gitCommit", "gitTreeState", "buildDate"), "unknown")
        version |= {"goVersion": "go1.19", "compiler": "gc", "platform": "linux/amd64"}
        return version | {"kubernetes": self._api.get("/version")}

    def _components(self) -> dict[str, bool]:
        """Imitates config.go ToMap: which sections are configured, without their content."""
        content = self._settings.read()
        components = {name: bool(content.get(name)) for name in CONFIGURED} | dict.fromkeys(ALWAYS_ON, True)
        components["multicluster"] = self._is_host()
        network = content.get("network") or {}
        components["network"] = bool(network.get("enableNetworkPolicy"))
        components["network.ippool"] = network.get("ippoolType", "none") != "none"
        if components["network"] or components["network.ippool"] or network.get("weaveScopeHost"):
            components["network.topology"] = bool(network.get("weaveScopeHost"))
        components["openpitrix.appstore"] = bool(content.get("openpitrix"))
        return dict(sorted(components.items()))

    # The cluster API: pkg/kapis/cluster/v1alpha1/handler.go.

    def _handle_cluster(self, request: Request) -> Answer:
        rest = request.path.removeprefix(CLUSTER_API + "/")
        try:
            if request.method == "POST" and rest == "validation":
                self._validate(_decoded(request.body))
                return Answer.done()
            if request.method == "PUT" and rest.endswith("/kubeconfig") and self._release.line >= (3, 3):
                return self._update_kubeconfig(rest.removesuffix("/kubeconfig"), _decoded(request.body))
            if rest.endswith("/agent/deployment"):
                return self._agent(rest.removesuffix("/agent/deployment"))
        except (BadRequest, KubeconfigError, RemoteError) as error:
            return Answer.text(400, str(error))
        except ApiError as error:
            return Answer.text(400, error.message)
        return NOT_FOUND

    def _cluster(self, name: str) -> Object:
        cluster = self._api.find(f"{CLUSTERS}/{name}")
        if cluster is None:
            raise BadRequest(f'cluster.cluster.kubesphere.io "{name}" not found')  # the lister's singular
        return cluster

    def _agent(self, name: str) -> Answer:
        """Imitates generateAgentDeployment; the printer sets all documents apart but its first."""
        try:
            cluster = self._cluster(name)
        except BadRequest as error:
            return Answer.text(404, str(error))
        if cluster["spec"]["connection"].get("type") != "proxy":
            return Answer.text(404, f"cluster {name} is not using proxy connection")
        try:
            # Found once, the address is kept as long as this process, whatever becomes of the Service.
            self._proxy_address = self._proxy_address or self._ingress_address()
        except BadRequest as error:
            return Answer.text(404, str(error))
        if parse_problem(self._proxy_address):
            problem = f"invalid proxy address {self._proxy_address}, should format like http[s]://1.2.3.4:123"
            return Answer.text(500, problem)
        self._printed += 1
        document = AGENT.format(
            name=name,
            token=cluster["spec"]["connection"].get("token") or "",
            address=self._proxy_address,
            image=self._settings.multicluster.get("agentImage") or DEFAULT_AGENT_IMAGE,
        )
        separator = "---\n" if self._printed > 1 else ""
        return Answer(200, (separator + document).encode(), "text/plain; charset=utf-8")

    def _ingress_address(self) -> str:
        """Imitates populateProxyAddress: the last ingress counts, and in each the IP more than the name.

        Raises:
            BadRequest: there is none.
        """
        named = str(self._settings.multicluster.get("proxyPublishService") or "")
        if not named:
            raise BadRequest("neither proxy address nor proxy service provided")
        service, _dummy, rest = named.partition(".")
        namespace = rest.partition(".")[0] or NAMESPACE
        found = self._api.find(f"/api/v1/namespaces/{namespace}/services/{service}")
        if found is None:
            raise BadRequest(f"service {service} not found in namespace {namespace}")
        if not found["spec"].get("ports"):
            raise BadRequest(f"there are no ports in proxy service {named} spec")
        port = found["spec"]["ports"][0]["port"]
        address = ""
        for ingress in ((found.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
            place = ingress.get("ip") or ingress.get("hostname")
            address = f"http://{place}:{port}" if place else address
        if not address:
            raise BadRequest(NO_ADDRESS.format(named))
        return address

    def _validate(self, cluster: Object) -> None:
        """Imitates validateCluster, its checks in its order."""
        connection = (cluster.get("spec") or {}).get("connection") or {}
        if connection.get("type") != "direct":
            raise BadRequest("cluster connection type MUST be direct")
        config = _member_config(connection.get("kubeconfig"))
        member = Remote(config, VALIDATION_SECONDS, TIMEOUT_QUERY)
        self._refuse_duplicate((cluster.get("metadata") or {}).get("name", ""), config, member)
        member.call("GET", "/version")
        self._check_endpoint(config, connection.get("kubesphereAPIEndpoint") or "")
        self._compare_settings(member)

    def _update_kubeconfig(self, name: str, body: Object) -> Answer:
        """Imitates updateKubeConfig, which goes on after it has refused the member's settings: a ``return`` is missing.

        The answer is 400 then, and the kubeconfig is updated nevertheless.
        """
        cluster = self._cluster(name)
        if HOST_LABEL in (cluster["metadata"].get("labels") or {}):
            raise BadRequest("update kubeconfig of the host cluster is not allowed")
        if cluster["spec"]["connection"].get("type") == "proxy":
            raise BadRequest(
                "update kubeconfig of member clusters which using proxy mode is not allowed, "
                "their certs are managed and will be renewed by tower"
            )
        config = _member_config(body.get("kubeconfig"))
        member = Remote(config, VALIDATION_SECONDS, TIMEOUT_QUERY)
        member.call("GET", "/version")
        self._check_endpoint(config, "")
        said = ""
        try:
            self._compare_settings(member)
        except BadRequest as error:
            said = f"{error}\n"
        if _uid(member) != (cluster.get("status") or {}).get("uid"):
            raise BadRequest(f"{said}{OTHER_CLUSTER}")
        cluster["spec"]["connection"]["kubeconfig"] = body["kubeconfig"]
        self._api.update(f"{CLUSTERS}/{name}", cluster)
        return Answer.text(400, said.rstrip()) if said else Answer.done()

    def _refuse_duplicate(self, name: str, config: RestConfig, member: Remote) -> None:
        clusters = self._api.get(CLUSTERS)["items"]
        if self._release.compares_uid:
            uid = _uid(member)
            for item in clusters:
                if (item.get("status") or {}).get("uid") == uid:
                    known = item["metadata"]["name"]
                    raise BadRequest(f"cluster {name} already exists ({known}), MUST not import the same cluster twice")
            return
        for item in clusters:
            held = base64.b64decode(item["spec"]["connection"].get("kubeconfig") or "")
            if held and RestConfig.parse(held).server == config.server:
                raise BadRequest(
                    f"existing cluster {item['metadata']['name']} with the exacty same server address, "
                    "MUST not import the same cluster twice"
                )

    def _check_endpoint(self, config: RestConfig, endpoint: str) -> None:
        """Imitates validateKubeSphereAPIServer; the user's own endpoint is looked at until 3.2."""
        try:
            if endpoint and self._release.line < (3, 3):
                Remote(RestConfig(server=endpoint.rstrip("/")), VALIDATION_SECONDS).call("GET", "/kapis/version")
            else:
                Remote(config, VALIDATION_SECONDS).call("GET", f"{SERVICE_PROXY}/kapis/version")
        except RemoteError as error:
            text = str(error)
            if error.status:
                text = (
                    f"invalid response: ks-apiserver , please make sure kubesphere-system.{text}.svc "
                    "of member cluster is up and running"
                )
            raise BadRequest(f"unable validate kubesphere endpoint, {text}") from error

    def _compare_settings(self, member: Remote) -> None:
        """Imitates validateMemberClusterConfiguration (from 3.1 on; the role in 3.4.1 only)."""
        if not self._release.checks_jwt_secret:
            return
        prefix = "failed to validate member cluster configuration, err: "
        own = _settings_in(self._api.get(CONFIG_MAP))
        try:
            theirs = _settings_in(member.call("GET", CONFIG_MAP))
        except RemoteError as error:
            raise BadRequest(f"{prefix}{error}") from error
        role = (theirs.get("multicluster") or {}).get("clusterRole")
        if self._release.checks_role and role != "member":
            raise BadRequest(f"{prefix}the clusterRole of the member cluster must be 'member'")
        if _jwt_secret(own) != _jwt_secret(theirs):
            raise BadRequest(
                f"{prefix}hostcluster Jwt is not equal to member cluster jwt, "
                "please edit the member cluster cluster config"
            )


def _member_config(kubeconfig: str | None) -> RestConfig:
    if not kubeconfig:
        raise BadRequest("cluster kubeconfig MUST NOT be empty")
    try:
        return RestConfig.parse(base64.b64decode(kubeconfig, validate=True))
    except binascii.Error as error:
        raise BadRequest("illegal base64 data at input byte 0") from error


def _decoded(body: bytes) -> Object:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    if not isinstance(content, dict):
        raise BadRequest("json: cannot unmarshal into Go value")
    return content


def _forbidden(user: str, request: Request) -> Answer:
    """Imitates pkg/apiserver/request/requestinfo.go and what apiserver's responsewriters make of it."""
    match = RESOURCE.fullmatch(request.path)
    if not match:
        message = f'forbidden: User "{user}" cannot {request.method} path "{request.path}"'
        return Answer.refused(403, "Forbidden", message, {})
    group, namespace, resource, name, subresource = (part or "" for part in match.groups())
    verb = VERBS.get(request.method, "") if name or request.method != "GET" else "list"
    qualified = f"{resource}.{group}" if group else resource
    whole = f"{resource}/{subresource}" if subresource else resource
    place = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    message = qualified + (f' "{name}"' if name else "") + f' is forbidden: User "{user}" cannot {verb} resource '
    message += f'"{whole}" in API group "{group}" {place}'
    details = {"name": name, "group": group, "kind": resource}
    return Answer.refused(403, "Forbidden", message, {key: value for key, value in details.items() if value})


def _uid(member: Remote) -> str:
    return str(member.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])


def _settings_in(config_map: Object) -> dict[str, Any]:
    return dict(yaml.safe_load(config_map["data"][CONFIG_KEY]) or {})


def _jwt_secret(content: dict[str, Any]) -> str:
    return str((content.get("authentication") or {}).get("jwtSecret") or "")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        path, _dummy, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        request = Request(self.command, path, query, headers, body)
        wanted = knobs("apiserver") if path != "/healthz" else {}
        time.sleep(float(wanted.get("delay", 0)))
        if wanted.get("status"):
            self._write(Answer.text(int(wanted["status"]), "told to answer with this status"))
            return
        try:
            found = self.server.kubesphere.answer(request)
            if isinstance(found, Forward):
                self._pass_on(found, request)
            else:
                self._write(found)
        except (ApiError, RemoteError, *CONNECTION_ERRORS) as error:
            self._write(Answer.broken(request.target, str(error)))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _pass_on(self, forward: Forward, original: Request) -> None:
        """Stream another server's answer: a watch has no end."""
        request = forward.request
        response, connection = forward.target.forward(
            request.method, request.target, request.headers, request.body or None
        )
        try:
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            length = response.getheader("Content-Length")
            bodiless = original.method == "HEAD" or response.status in (204, 304)
            if length is not None:
                self.send_header("Content-Length", length)
            elif not bodiless:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while not bodiless and (chunk := response.read1(65536)):
                self.wfile.write(chunk if length is not None else b"%x\r\n%b\r\n" % (len(chunk), chunk))
            if length is None and not bodiless:
                self.wfile.write(b"0\r\n\r\n")
            else:
                response.read()  # nothing is left, but only this lets the connection be used again
        except CONNECTION_ERRORS:
            self.close_connection = True
        if response.isclosed() and not response.will_close:  # read to its end
            forward.target.give_back(connection)
        else:
            connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing about single requests."""


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, kubesphere: KubeSphere) -> None:
        self.kubesphere = kubesphere
        self._connections: set[socket.socket] = set()
        super().__init__(("0.0.0.0", PORT), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection, and remember it."""
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close the port and, as Go's Shutdown does, what is kept alive: nobody goes on with the former settings."""
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # an answer that is being written is finished

    def server_bind(self) -> None:
        """Share the port: during a rollout the pods of a cluster have the same address."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no error."""


def _serve(api: KubeApi, release: Release, settings: Settings) -> None:
    """Serve until the process ends, anew when kubesphere-config changes.

    Imitates kubesphere v3.4.1 cmd/ks-apiserver/app/server.go Run: the port is closed until the caches of the new server
    are filled, and who logged in before has to do so again.
    """
    while not stopping.is_set():
        content = settings.read()
        server = _Server(KubeSphere(api, release, settings))
        background(server.serve_forever, POLL_SECONDS)
        log(f"ks-apiserver {release.tag}, start listening on {PORT}")
        while settings.read() == content and not stopping.wait(POLL_SECONDS):
            pass
        server.shutdown()
        server.server_close()
        stopping.wait(float(knobs("apiserver").get("reload", RELOAD_SECONDS)))


def main() -> None:
    """Serve until the process ends."""
    arguments = command_line("plays the pod ks-apiserver")
    api = connect("ks-apiserver")
    release = until_reachable(lambda: own_release(api, "ks-apiserver", arguments.release))
    _serve(api, release, Settings(release))


if __name__ == "__main__":
    run(main)
