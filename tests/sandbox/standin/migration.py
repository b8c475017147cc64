"""Migration of an old ClusterConfiguration's spec, and whether the object has to be created anew for it.

Imitates ks-installer controller/installRunner.py generate_new_cluster_configuration of v3.1.1, v3.2.1, v3.3.2 and
v3.4.1; v3.0.0 has none.
"""

from __future__ import annotations

import contextlib
from typing import Any

from tests.sandbox.standin.releases import Release

Section = dict[str, Any]


def migrate(release: Release, spec: Section, status: Section | None) -> bool:
    """Change the spec in place.

    Returns:
        Whether the ClusterConfiguration must be deleted and created again.

    Raises:
        KeyError: as the original does, for instance in 3.4 where ``common`` has no ``es``.
    """
    if not release.migrates:
        return False
    status = status or {}
    if "common" in spec:
        _migrate_common(release, spec, status)
    # Every part is migrated, also when one before it has decided already.
    outdated = [step(spec) for step in _STEPS[: _STEPS_OF_LINE[release.line[1]]]]
    if "core" in status and release.writes_core_version:
        outdated.append(status["core"].get("version") != release.tag)
    return any(outdated)


def _migrate_common(release: Release, spec: Section, status: Section) -> None:
    common = spec["common"]
    for gone in ("mysqlVolumeSize", "etcdVolumeSize"):
        common.pop(gone, None)
    for store in ("redis", "openldap"):
        enabled = _enabled(status, store)
        if enabled or release.line >= (3, 2):
            common[store] = {"enabled": enabled}
    if release.line < (3, 2):
        return
    for old, store in (("redisVolumSize", "redis"), ("openldapVolumeSize", "openldap"), ("minioVolumeSize", "minio")):
        if old in common:
            common.setdefault(store, {})["volumeSize"] = common.pop(old)
    if release.line >= (3, 4):
        elastic = _enabled(status, "es")
        common["es"]["enabled"] = elastic
        common.setdefault("opensearch", {})["enabled"] = not elastic
    for store, prefix in (("es", "elasticsearch"), ("opensearch", "opensearch")):
        if store in common and (store == "es" or release.line >= (3, 4)):
            _migrate_search(common[store], prefix)
    if "es" in common and release.line >= (3, 3) and "externalElasticsearchUrl" in common["es"]:
        common["es"].setdefault("externalElasticsearchHost", common["es"]["externalElasticsearchUrl"])
    if "opensearch" in common and release.line >= (3, 4):
        for key, value in _OPENSEARCH_DEFAULTS.items():
            common["opensearch"].setdefault(key, value)
    if "console" in spec:
        common.setdefault("core", {})["console"] = spec.pop("console")


_OPENSEARCH_DEFAULTS: Section = {
    "opensearchPrefix": "whizard",
    "logMaxAge": "7",
    "basicAuth": {"enabled": True, "username": "admin", "password": "admin"},
}


def _migrate_search(store: Section, prefix: str) -> None:
    for part, volume in (("master", "4Gi"), ("data", "20Gi")):
        section = store.setdefault(part, {"volumeSize": volume})
        for key, old in (("replicas", "Replicas"), ("volumeSize", "VolumeSize")):
            name = f"{prefix}{part.capitalize()}{old}"
            if name in store:
                section[key] = store.pop(name)


def _enabled(status: Section, component: str) -> bool:
    return (status.get(component) or {}).get("status") == "enabled"


def _logging(spec: Section) -> bool:
    section = spec.get("logging")
    if section is None or "logsidecarReplicas" not in section:
        return False
    if "enabled" in section:
        wanted = bool(section["enabled"])
        spec["logging"] = {"enabled": wanted, "logsidecar": {"enabled": wanted, "replicas": 2}}
    return True


def _notification(spec: Section) -> bool:
    return spec.pop("notification", None) is not None


def _openpitrix(spec: Section) -> bool:
    section = spec.get("openpitrix")
    if section is None or "store" in section:
        return False
    if "enabled" in section:
        spec["openpitrix"] = {"store": {"enabled": bool(section["enabled"])}}
    return True


def _network(spec: Section) -> bool:
    if "networkpolicy" not in spec:
        return False
    enabled = bool(spec.pop("networkpolicy").get("enabled"))
    spec["network"] = {
        "networkpolicy": {"enabled": enabled},
        "ippool": {"type": "none"},
        "topology": {"type": "none"},
    }
    return True


def _terminal(spec: Section) -> bool:
    if "terminal" in spec:
        return False
    spec["terminal"] = {"timeout": 600}
    return True


def _servicemesh(spec: Section) -> bool:
    if "servicemesh" not in spec or "istio" in spec["servicemesh"]:
        return False
    gateways = [{"name": "istio-ingressgateway", "enabled": False}]
    spec["servicemesh"]["istio"] = {"components": {"ingressGateways": gateways, "cni": {"enabled": False}}}
    return True


def _edge(spec: Section) -> bool:
    if "kubeedge" not in spec:
        return False
    section = spec.pop("kubeedge")
    if "enabled" in section:
        section["iptables-manager"] = {"enabled": True, "mode": "external"}
        spec["edgeruntime"] = {"enabled": section["enabled"], "kubeedge": section}
    with contextlib.suppress(KeyError):
        del spec["edgeruntime"]["kubeedge"]["edgeWatcher"]
    return True


def _events(spec: Section) -> bool:
    if "events" not in spec or "ruler" in spec["events"]:
        return False
    spec["events"]["ruler"] = {"enabled": True, "replicas": 2}
    return True


def _devops(spec: Section) -> bool:
    section = spec.get("devops") or {}
    if not section.get("enabled"):
        return False
    missing = {key: value for key, value in (("jenkinsCpuReq", 0.5), ("jenkinsCpuLim", 4)) if key not in section}
    section.update(missing)
    return bool(missing)


# Each line has the steps of the line before it and some more.
_STEPS = (_logging, _notification, _openpitrix, _network, _terminal, _servicemesh, _edge, _events, _devops)
_STEPS_OF_LINE = {1: 4, 2: 4, 3: 7, 4: 9}
