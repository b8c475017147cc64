# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that bring ks-installer into a cluster; private to the collection."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..kube.merge import is_list
from ..kube.naming import is_name
from .configuration import ConfigurationError
from .names import CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE
from .releases import Installer, Release

_PART = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"{_PART}(:[0-9]+)?(/{_PART})*")
_IMAGE_NAMESPACE = re.compile(rf"{_PART}(/{_PART})*".replace("A-Z", ""))


def installer_objects(
    release: Release,
    *,
    registry: str | None = None,
    image_namespace: str | None = None,
    pull_secrets: Sequence[str] = (),
    image: str | None = None,
) -> list[dict[str, Any]]:
    """Give the objects of a release's kubesphere-installer.yaml, in its order.

    ``registry_values`` is the other half of ``registry`` and ``image_namespace``: these here move the installer's own
    image, those in the ClusterConfiguration the images of what it installs.

    Args:
        release: The release; one that is installed by ks-installer.
        registry: Registry to pull the installer's image from, ``host[:port][/path]``.
        image_namespace: Repository prefix of the image in place of ``kubesphere``.
        pull_secrets: Names of Secrets in kubesphere-system with which the installer's image is pulled.
        image: Full reference of the installer's image, in place of what follows from the other arguments.

    Returns:
        New objects, each ready to be applied.

    Raises:
        ConfigurationError: An argument has a form that cannot work.
    """
    installer = _installer(release)
    _check_registry(release, registry, image_namespace)
    for secret in pull_secrets:
        if not is_name(secret):
            raise ConfigurationError("imagePullSecrets", f"{secret!r} is no name of a pull secret.")
    reference = image or installer_image(release, registry=registry, image_namespace=image_namespace)
    secrets = {"imagePullSecrets": [{"name": name} for name in pull_secrets]} if pull_secrets else {}
    namespaced = {"name": INSTALLER, "namespace": NAMESPACE}
    return [
        _definition(installer),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": dict(namespaced), **secrets},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": INSTALLER},
            "rules": [{"apiGroups": [group], "resources": ["*"], "verbs": ["*"]} for group in installer.api_groups],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": INSTALLER},
            "subjects": [{"kind": "ServiceAccount", **namespaced}],
            "roleRef": {"kind": "ClusterRole", "name": INSTALLER, "apiGroup": "rbac.authorization.k8s.io"},
        },
        _deployment(installer, reference, secrets),
    ]


def installer_image(release: Release, *, registry: str | None = None, image_namespace: str | None = None) -> str:
    """Give the reference of the installer's image.

    Args:
        release: The release.
        registry: Registry to pull from, ``host[:port][/path]``; None for the container runtime's default.
        image_namespace: Repository prefix in place of ``kubesphere``.

    Returns:
        The reference, with the release as its tag.
    """
    namespace, name = release.installer_image.split("/", 1)
    return "/".join(part for part in (registry, image_namespace or namespace, name) if part)


def registry_values(
    release: Release, *, registry: str | None = None, image_namespace: str | None = None
) -> dict[str, Any]:
    """Give the values of a ClusterConfiguration that move the images of what ks-installer installs.

    ``namespace_override`` takes the place of every image's own prefix, not only of ``kubesphere``, so all images have
    to lie side by side in the registry (ks-installer, roles/download/defaults/main.yml).

    Args:
        release: The release.
        registry: Registry to pull from, ``host[:port][/path]``.
        image_namespace: Repository prefix of all images.

    Returns:
        Values to be merged over the release's spec; empty if neither is given.

    Raises:
        ConfigurationError: An argument has a form that cannot work, or the release cannot move its images so.
    """
    _check_registry(release, registry, image_namespace)
    values = {"local_registry": registry, "namespace_override": image_namespace}
    return {key: value for key, value in values.items() if value}


def split_manifest(objects: Sequence[Any]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Check the objects of a user's own manifest and take the ClusterConfiguration out of them.

    Args:
        objects: The manifest's documents as parsed; empty documents are skipped, a List counts as its items.

    Returns:
        The other objects in their order, and the ClusterConfiguration or None. If it is None, ks-installer's Deployment
        is among the others.

    Raises:
        ConfigurationError: A document is no object of Kubernetes, an object stands there twice, or the manifest holds
            nothing that installs KubeSphere.
    """
    others: list[dict[str, Any]] = []
    configuration: dict[str, Any] | None = None
    seen: dict[tuple[str, ...], str] = {}
    for where, item in _flattened(objects):
        identity = _identity(where, item)
        if identity in seen:
            raise ConfigurationError(where, f"{_name_of(item)} stands at {seen[identity]} already; remove one of them.")
        seen[identity] = where
        if item["kind"] == CLUSTER_CONFIGURATION.kind:
            _check_configuration(where, item)
            configuration = item
        else:
            others.append(item)
    if configuration is None and ("apps", "Deployment", NAMESPACE, INSTALLER) not in seen:
        raise ConfigurationError(
            "manifest",
            f"holds neither the {CLUSTER_CONFIGURATION.kind} nor the Deployment {NAMESPACE}/{INSTALLER} "
            f"({len(others)} other objects); give it kubesphere-installer.yaml, cluster-configuration.yaml, or both.",
        )
    return others, configuration


def _installer(release: Release) -> Installer:
    if release.installer is None:
        raise ConfigurationError("", f"KubeSphere {release.tag} is not installed by ks-installer.")
    return release.installer


def _check_registry(release: Release, registry: str | None, image_namespace: str | None) -> None:
    if registry and not _REGISTRY.fullmatch(registry):
        shown = re.sub(r"[^/]*@", "***@", registry)
        raise ConfigurationError(
            "local_registry",
            f"{shown!r} is not of the form host[:port][/path], without scheme and closing slash.",
        )
    if not image_namespace:
        return
    if not _IMAGE_NAMESPACE.fullmatch(image_namespace):
        raise ConfigurationError("namespace_override", f"{image_namespace!r} is no repository prefix such as 'team-a'.")
    if not _installer(release).namespace_override:
        raise ConfigurationError(
            "namespace_override",
            f"KubeSphere {release.tag} has fixed prefixes; leave it out, or choose v3.1.0 or later.",
        )


def _definition(installer: Installer) -> dict[str, Any]:
    version: dict[str, Any] = {"name": "v1alpha1", "served": True, "storage": True}
    if installer.crd_version != "v1beta1":
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        properties = {"spec": dict(anything), "status": dict(anything)}
        version["schema"] = {"openAPIV3Schema": {"type": "object", "properties": properties}}
    return {
        "apiVersion": f"apiextensions.k8s.io/{installer.crd_version}",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CLUSTER_CONFIGURATION.definition},
        "spec": {
            "group": CLUSTER_CONFIGURATION.group,
            "versions": [version],
            "scope": "Namespaced",
            "names": {
                "plural": CLUSTER_CONFIGURATION.plural,
                "singular": "clusterconfiguration",
                "kind": CLUSTER_CONFIGURATION.kind,
                "shortNames": ["cc"],
            },
        },
    }


def _deployment(installer: Installer, image: str, secrets: Mapping[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "installer", "image": image, "imagePullPolicy": "Always"}
    if installer.limits_resources:
        container["resources"] = {
            "limits": {"cpu": "1", "memory": "1Gi"},
            "requests": {"cpu": "20m", "memory": "100Mi"},
        }
    mount: dict[str, Any] = {"mountPath": "/etc/localtime", "name": "host-time"}
    if installer.mounts_read_only:
        mount["readOnly"] = True
    container["volumeMounts"] = [mount]
    pod = {
        "serviceAccountName": INSTALLER,
        "containers": [container],
        "volumes": [{"hostPath": {"path": "/etc/localtime", "type": ""}, "name": "host-time"}],
        **{key: [dict(secret) for secret in value] for key, value in secrets.items()},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": INSTALLER, "namespace": NAMESPACE, "labels": {"app": installer.label}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": installer.label}},
            "template": {"metadata": {"labels": {"app": installer.label}}, "spec": pod},
        },
    }


def _flattened(objects: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for index, item in enumerate(objects):
        where = f"documents[{index}]"
        if isinstance(item, Mapping) and item.get("kind") == "List":
            items = item.get("items") or []
            if not is_list(items):
                raise ConfigurationError(f"{where}.items", f"must be a list, it is a {type(items).__name__}.")
            yield from ((f"{where}.items[{number}]", inner) for number, inner in enumerate(items))
        elif item is not None:
            yield where, item


def _identity(where: str, item: Any) -> tuple[str, ...]:
    if not isinstance(item, Mapping):
        raise ConfigurationError(where, f"must be an object of Kubernetes, it is a {type(item).__name__}.")
    metadata = item.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    for key, value in (("apiVersion", item.get("apiVersion")), ("kind", item.get("kind")), ("metadata.name", name)):
        if not isinstance(value, str) or not value:
            raise ConfigurationError(where, f"the object of kind {item.get('kind')!r} has no {key}.")
    if not isinstance(item["metadata"].get("namespace"), (str, type(None))):
        raise ConfigurationError(where, f"the namespace of {item['kind']} {name!r} is no text.")
    group = item["apiVersion"].rpartition("/")[0]
    return group, item["kind"], item["metadata"].get("namespace") or "", item["metadata"]["name"]


def _name_of(item: Mapping[str, Any]) -> str:
    metadata = item["metadata"]
    namespace = metadata.get("namespace")
    return f"{item['kind']} {namespace}/{metadata['name']}" if namespace else f"{item['kind']} {metadata['name']}"


def _check_configuration(where: str, item: Mapping[str, Any]) -> None:
    """Refuse a ClusterConfiguration that ks-installer would not look at; so there can be only one."""
    seen = (item["apiVersion"], item["metadata"].get("namespace"), item["metadata"]["name"])
    if seen != (CLUSTER_CONFIGURATION.api_version, NAMESPACE, INSTALLER):
        raise ConfigurationError(
            where,
            f"{_name_of(item)} of {item['apiVersion']} is not what ks-installer reads; it must be "
            f"{CLUSTER_CONFIGURATION.title(INSTALLER, NAMESPACE)} of {CLUSTER_CONFIGURATION.api_version}.",
        )
    if not isinstance(item.get("spec"), Mapping):
        raise ConfigurationError(f"{where}.spec", f"{_name_of(item)} needs a mapping as its spec.")
