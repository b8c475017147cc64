"""A container's environment and command line, as kubelet makes them from the pod."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from ..kubeapi import Object

Fetch = Callable[[str, str, str], "Object | None"]
"""Reads an object by resource (``configmaps``), namespace and name; None where there is none."""

REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
VARIABLE = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")

DECIMAL_SUFFIXES: dict[str, Decimal | int] = {
    "": 1,
    "m": Decimal("0.001"),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}
BINARY_SUFFIXES: dict[str, Decimal | int] = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class ConfigError(Exception):
    """A container cannot be created: what its environment refers to is missing."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable's value; ``$$`` is one ``$``, and what is unknown stays."""
    return REFERENCE.sub(
        lambda match: "$" if match[0] == "$$" else variables.get(match[1], match[0]),
        text,
    )


def expand_all(texts: Sequence[str] | None, variables: Mapping[str, str]) -> list[str]:
    """``expand`` for a command or its arguments."""
    return [expand(text, variables) for text in texts or ()]


def container_environment(pod: Object, container: Object, fetch: Fetch, base: Mapping[str, str]) -> dict[str, str]:
    """Environment of a container.

    Args:
        pod: the pod, its ``status.podIP`` and ``status.hostIP`` filled in.
        container: the container's spec.
        fetch: reads ConfigMaps and Secrets.
        base: what every container has; the pod's own entries win.

    Raises:
        ConfigError: a ConfigMap, a Secret or a key is missing that is not optional.
    """
    namespace = pod["metadata"]["namespace"]
    result = dict(base)
    for source in container.get("envFrom") or ():
        for kind, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if reference := source.get(kind):
                values = _values(resource, namespace, reference, fetch) or {}
                prefix = source.get("prefix") or ""
                result.update({prefix + key: text for key, text in values.items() if VARIABLE.match(prefix + key)})
    for entry in container.get("env") or ():
        value = expand(entry["value"], result) if entry.get("value") else _value_from(entry, pod, container, fetch)
        if value is not None:
            result[entry["name"]] = value
    return result


def _value_from(entry: Object, pod: Object, container: Object, fetch: Fetch) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return ""
    if reference := source.get("fieldRef"):
        return field(pod, reference["fieldPath"])
    if reference := source.get("resourceFieldRef"):
        return resource(container, reference)
    for kind, resource_name in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if reference := source.get(kind):
            namespace = pod["metadata"]["namespace"]
            values = _values(resource_name, namespace, reference, fetch)
            if values is not None and reference["key"] in values:
                return values[reference["key"]]
            if reference.get("optional"):
                return None
            singular = "ConfigMap" if resource_name == "configmaps" else "Secret"
            raise ConfigError(f"couldn't find key {reference['key']} in {singular} {namespace}/{reference['name']}")
    return None


def _values(resource_name: str, namespace: str, reference: Object, fetch: Fetch) -> dict[str, str] | None:
    found = fetch(resource_name, namespace, reference["name"])
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{resource_name.removesuffix("s")} "{reference["name"]}" not found')
    if resource_name == "configmaps":
        return dict(found.get("data") or {})
    return {key: base64.b64decode(text).decode(errors="replace") for key, text in (found.get("data") or {}).items()}


def field(pod: Object, path: str) -> str:
    """A field of the pod, by the paths that the downward API knows."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        items = sorted((metadata.get(path.partition(".")[2]) or {}).items())
        return "".join(f"{key}={_quoted(text)}\n" for key, text in items).rstrip("\n")
    place, _dummy, name = path.partition(".")
    if path == "status.podIPs":
        return ",".join(entry["ip"] for entry in status.get("podIPs", []))
    return str({"metadata": metadata, "spec": spec, "status": status}.get(place, {}).get(name, ""))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def resource(container: Object, reference: Object) -> str:
    """A request or limit of a container, in units of the divisor, rounded up; "0" where there is none."""
    kind, _dummy, name = reference["resource"].partition(".")
    given = (container.get("resources") or {}).get(kind, {}).get(name, "0")
    divisor = quantity(reference.get("divisor") or "1") or Decimal(1)
    return str((quantity(given) / divisor).to_integral_value(ROUND_CEILING))


def quantity(text: str) -> Decimal:
    """Number that a Kubernetes quantity stands for, ``500m`` or ``1Gi``."""
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text))
    return Decimal(match[1]) * Decimal((DECIMAL_SUFFIXES | BINARY_SUFFIXES).get(match[2], 1)) if match else Decimal(0)
