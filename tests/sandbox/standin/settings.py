"""The ConfigMap kubesphere-config: rendered by ks-installer, read by the pods, written again by the controller."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.standin.releases import Release

PATH = Path(os.environ.get("STANDIN_CONFIG", "/etc/kubesphere/kubesphere.yaml"))
PUBLISH_SERVICE = "tower.kubesphere-system.svc"

# Order of the fields of kubesphere v3.4.1 pkg/apiserver/config/config.go Config: what re-marshalling makes of it.
_FIELDS = (
    *("devops", "sonarQube", "kubernetes", "servicemesh", "network", "ldap", "cache", "s3", "openpitrix"),
    *("monitoring", "logging", "authentication", "authorization", "multicluster", "events", "auditing", "alerting"),
    *("notification", "kubeedge", "edgeruntime", "metering", "gateway", "gpu", "terminal"),
)
_MULTICLUSTER_FIELDS = (
    *("enable", "proxyPublishService", "proxyPublishAddress", "agentImage"),
    *("clusterControllerResyncPeriod", "hostClusterName", "clusterName", "clusterRole"),
)
_AUTHENTICATION_FIELDS = (
    *("authenticateRateLimiterMaxTries", "authenticateRateLimiterDuration", "maximumClockSkew"),
    *("loginHistoryRetentionPeriod", "multipleLogin", "jwtSecret", "oauthOptions", "kubectlImage"),
)
_DURATIONS = ("authenticateRateLimiterDuration", "maximumClockSkew", "loginHistoryRetentionPeriod")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a resync of many members reads as many documents
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str | float | None, default: float) -> float:
    """Seconds of a Go duration such as ``2m`` or ``1h30m``; the default where it is empty or none."""
    if isinstance(duration, int | float):
        return duration * 1e-9 or default
    parts = re.findall(r"([0-9.]+)(ns|us|ms|s|m|h)", duration or "")
    return sum(float(number) * _UNITS[unit] for number, unit in parts) or default


class MissingValue(Exception):
    """A template met a value that the ClusterConfiguration does not have."""


def render(release: Release, spec: dict[str, Any], secret: str, images: dict[str, str]) -> str:
    """The document of kubesphere-config.

    Imitates ks-installer v3.0.0, v3.1.1, v3.2.1, v3.3.2 and v3.4.1
    roles/ks-core/config/templates/kubesphere-config.yaml.j2, the sections that every installation has.

    Args:
        release: the installer's release.
        spec: spec of the ClusterConfiguration.
        secret: content of kubesphere-secret's key ``secret``.
        images: image references by component; ``kubectl`` and ``tower`` are used.

    Raises:
        MissingValue: the spec lacks what the template dereferences.
    """
    authentication = spec.get("authentication")
    role = (spec.get("multicluster") or {}).get("clusterRole")
    if authentication is None or (role is None and release.line >= (3, 3)):
        missing = "authentication" if authentication is None else "multicluster.clusterRole"
        raise MissingValue(f"'dict object' has no attribute '{missing}'")
    console = spec.get("console") or {} if release.line < (3, 2) else spec.get("common", {}).get("core", {})["console"]
    body = {
        "authenticateRateLimiterMaxTries": authentication.get("authenticateRateLimiterMaxTries", 10),
        "authenticateRateLimiterDuration": authentication.get("authenticationRateLimiterDuration", "10m0s"),
        "loginHistoryRetentionPeriod": authentication.get("loginHistoryRetentionPeriod", "168h"),
        "maximumClockSkew": authentication.get("maximumClockSkew", "10s"),
        "multipleLogin": console.get("enableMultiLogin", True),
        "kubectlImage": images["kubectl"],
    }
    text = _section({"authentication": body}) + f'  jwtSecret: "{secret}"\n'
    text += _oauth_options(release, authentication.get("oauthOptions"), role == "member")
    if release.line == (3, 0):
        text += _section({"ldap": {"host": "openldap.kubesphere-system.svc:389"}})
        text += _section({"redis": {"host": "redis.kubesphere-system.svc", "port": 6379, "password": "", "db": 0}})
    if "network" in spec and release.line >= (3, 1):
        text += _section({"network": {"ippoolType": (spec["network"].get("ippool") or {}).get("type", "none")}})
    text += _multicluster(release, spec.get("multicluster") or {}, images["tower"])
    endpoint = "http://prometheus-operated.kubesphere-monitoring-system.svc:9090"
    monitoring = (spec.get("common") or {}).get("monitoring") or {}
    text += _section({"monitoring": {"endpoint": monitoring.get("endpoint", endpoint)}})
    text += _section(
        {"notification": {"endpoint": "http://notification-manager-svc.kubesphere-monitoring-system.svc:19093"}}
    )
    if "terminal" in spec and release.line >= (3, 3):
        terminal = {"image": "alpine:3.14", **{k: v for k, v in spec["terminal"].items() if k == "timeout"}}
        text += _section({"terminal": terminal})
    if release.line >= (3, 2):
        text += _section({"gateway": {"watchesPath": "/var/helm-charts/watches.yaml"}})
    return text


def remarshal(text: str, cluster_name: str) -> str | None:
    """The document with ``multicluster.clusterName``, or None where it has it already.

    Imitates kubesphere v3.4.1 pkg/controller/cluster/cluster_controller.go setClusterNameInConfigMap: unmarshalled into
    Go structs without defaults and marshalled again, so unknown keys and quotes go, keys are reordered and absent
    durations become ``0s``.
    """
    before = yaml.load(text, _LOADER) or {}
    multicluster = before.get("multicluster") or {}
    if multicluster.get("clusterName") == cluster_name:
        return None
    after = {field: before[field] for field in _FIELDS if before.get(field) is not None}
    merged = {"enable": False, **multicluster, "clusterName": cluster_name}
    after["multicluster"] = {field: merged[field] for field in _MULTICLUSTER_FIELDS if field in merged}
    if authentication := before.get("authentication"):
        after["authentication"] = _authentication(authentication)
    ordered = {field: after[field] for field in _FIELDS if field in after}
    return str(yaml.safe_dump(ordered, sort_keys=False))


class Settings:
    """The mounted document, read again when the file changes where the release does that.

    Imitates kubesphere v3.4.1 pkg/apiserver/config/config.go (viper.WatchConfig).
    """

    def __init__(self, release: Release, path: Path = PATH) -> None:
        self._path = path
        self._reloads = release.reloads_configuration
        self._stamp: tuple[int, int] | None = None
        self._content: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """The content; the last good one where the file is missing or no YAML at the moment."""
        if self._stamp and not self._reloads:
            return self._content
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_ino)
            if stamp != self._stamp:
                self._content = yaml.safe_load(self._path.read_text()) or {}
                self._stamp = stamp
        except (OSError, yaml.YAMLError):
            pass
        return self._content

    @property
    def multicluster(self) -> dict[str, Any]:
        """The section ``multicluster``."""
        return dict(self.read().get("multicluster") or {})

    @property
    def jwt_secret(self) -> str:
        """``authentication.jwtSecret``."""
        return str((self.read().get("authentication") or {}).get("jwtSecret") or "")

    @property
    def token_age(self) -> float:
        """``authentication.oauthOptions.accessTokenMaxAge`` in seconds, 2 h by default; 0 is endless."""
        options = (self.read().get("authentication") or {}).get("oauthOptions") or {}
        given = options.get("accessTokenMaxAge")
        return 7200.0 if given is None else seconds(given, 0.0)


def _section(content: dict[str, Any]) -> str:
    return str(yaml.safe_dump(content, sort_keys=False))


def _oauth_options(release: Release, given: dict[str, Any] | None, member: bool) -> str:
    """Section ``oauthOptions``: whose word counts for members differs in each line."""
    clients = {"clients": [{"name": "kubesphere", "secret": "kubesphere", "redirectURIs": ["*"]}]}
    endless = {"accessTokenMaxAge": 0} if member else {}
    options: dict[str, Any]
    if release.line == (3, 0):
        options = endless
    elif release.line == (3, 1):
        options = given or endless
    elif release.line == (3, 2):
        options = endless or {**clients, **(given or {})}
    else:
        options = {**(given or {}), **endless, **clients}
    if not options:
        return ""
    indented = _section({"oauthOptions": options}).splitlines(keepends=True)
    return "".join("  " + line for line in indented)


def _multicluster(release: Release, given: dict[str, Any], tower: str) -> str:
    role = given.get("clusterRole")
    section: dict[str, Any] = {"clusterRole": role} if release.line >= (3, 3) else {}
    if role == "host":
        section |= {"enable": True, "agentImage": tower, "proxyPublishService": PUBLISH_SERVICE}
        keys = ["proxyPublishAddress"]
        if release.line >= (3, 2):
            keys += ["clusterControllerResyncPeriod", "hostClusterName"]
        section |= {key: given[key] for key in keys if given.get(key)}
    elif role == "member" and section:
        section["enable"] = False
    return _section({"multicluster": section}) if section else ""


def _authentication(before: dict[str, Any]) -> dict[str, Any]:
    after = {**before}
    after |= {field: _go_duration(before[field]) for field in _DURATIONS if field in before}
    if options := before.get("oauthOptions"):
        ages = ("accessTokenMaxAge", "accessTokenInactivityTimeout")
        after["oauthOptions"] = {**options, **{age: _go_duration(options.get(age, 0)) for age in ages}}
    return {field: after[field] for field in _AUTHENTICATION_FIELDS if field in after}


def _go_duration(value: str | float) -> str:
    whole = round(seconds(value, 0.0))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"
