# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ClusterConfiguration: how it is put together, compared and judged; private to the collection."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from ..kube.merge import is_list, merge, merge_patch, plain_copy, same
from ..kube.secret import Redactor
from . import address
from .defaults import SPECS
from .names import CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE
from .releases import Release

ROLES = ("host", "member", "none")
DEFAULT_HOST_CLUSTER_NAME = "host"
JWT_SECRET_LENGTH = 32
_DEEPEST = 50  # mappings and lists inside each other

_CLUSTER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_HOST_CLUSTER_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


class ConfigurationError(ValueError):
    """A value that cannot stand; the message says where and what to do.

    Attributes:
        path: Where the value stands, such as ``common.es``; empty for the whole.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path


class Missing:
    """What a difference shows for a value that is not there."""

    def __repr__(self) -> str:
        return "(missing)"

    def __bool__(self) -> bool:
        return False


MISSING = Missing()


class Difference(NamedTuple):
    """One place where two specs differ.

    Attributes:
        path: Where, relative to the spec.
        live: The value that stands there, or MISSING.
        wanted: The value that should.
    """

    path: str
    live: Any
    wanted: Any


def default_spec(release: Release) -> dict[str, Any]:
    """Give the spec that a release ships.

    Args:
        release: The release; one that is installed by ks-installer.

    Returns:
        A new mapping.
    """
    if release.tag not in SPECS:
        raise ConfigurationError("", f"KubeSphere {release.tag} is not installed by a ClusterConfiguration.")
    copy: dict[str, Any] = plain_copy(_shipped_spec(release.tag))
    return copy


@cache  # a fleet asks for the same one again and again
def _shipped_spec(release: str) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    for tag, changes in SPECS.items():
        spec = merge_patch(spec, changes)
        if tag == release:
            break
    return spec


def cluster_configuration(
    release: Release,
    cluster_role: str = "none",
    jwt_secret: str | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    host_cluster_name: str | None = None,
    proxy_address: str | None = None,
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put together the ClusterConfiguration of one cluster.

    Args:
        release: The release to install.
        cluster_role: ``host``, ``member`` or ``none``.
        jwt_secret: The fleet's secret; None leaves it to ``values`` or, in the end, to ks-installer.
        values: What the user wants otherwise than the release ships it; keys that the release does not know pass.
        host_cluster_name: Name of the host's own Cluster; only for a host.
        proxy_address: Address at which members reach the proxy, ``http://<address>:<port>``; only for a host.
        base: Spec to start from in place of the release's, such as that of a user's own manifest; its role and its
            secret give way.

    Returns:
        The object, ready to be applied.

    Raises:
        ConfigurationError: A value is of the wrong kind, or two of the arguments contradict each other.
    """
    if cluster_role not in ROLES:
        raise ConfigurationError("multicluster.clusterRole", f"{cluster_role!r} is none of {', '.join(ROLES)}.")
    defaults = default_spec(release) if base is None else _plain_mapping(base)
    wanted = _plain_mapping({} if values is None else values)
    _refuse_replaced_sections(defaults, wanted)
    multicluster: dict[str, Any] = {"clusterRole": cluster_role}
    if host_cluster_name is not None:
        multicluster.update(_host_cluster_name_values(release, host_cluster_name))
    if proxy_address is not None:
        multicluster["proxyPublishAddress"] = proxy_address
    if len(multicluster) > 1 and cluster_role != "host":
        raise ConfigurationError("multicluster", f"a cluster of the role {cluster_role!r} takes no settings of a host.")
    own: dict[str, Any] = {"multicluster": multicluster}
    if jwt_secret is not None:
        own["authentication"] = {"jwtSecret": jwt_secret}
    _refuse_contradictions(wanted, own)
    spec = merge(merge(defaults, wanted), own)
    _refuse_bad_jwt_secret(spec)
    _refuse_bad_proxy_address(merge(wanted, own))
    return {
        "apiVersion": CLUSTER_CONFIGURATION.api_version,
        "kind": CLUSTER_CONFIGURATION.kind,
        # The git tag v3.1.1 says v3.1.0 here; the released file does not (and ks-installer's commit f2fb57a3 mends it).
        "metadata": {"name": INSTALLER, "namespace": NAMESPACE, "labels": {"version": release.tag}},
        "spec": spec,
    }


def would_be_recreated(
    release: Release, live_object: Mapping[str, Any] | None, new_spec: Mapping[str, Any]
) -> list[str]:
    """Tell whether ks-installer's next run would delete the ClusterConfiguration and install everything again.

    Args:
        release: The release of the ks-installer that runs.
        live_object: The ClusterConfiguration as it stands in the cluster, with its status; None if there is none.
        new_spec: The whole spec as it will stand when the run begins.

    Returns:
        The reasons; empty if it would leave the object alone.
    """
    migration = release.installer.migration if release.installer else None
    if migration is None:
        return []
    reasons = [
        f"spec.{path} is set, which {release.tag} migrates to another form"
        for path in migration.forbidden
        if _at(new_spec, path) is not MISSING
    ]
    reasons += [
        f"spec.{path} is missing, which {release.tag} adds" for path in migration.required if _lacks(new_spec, path)
    ]
    reasons += [
        f"spec.{path} is missing though its component is enabled, which {release.tag} adds"
        for path in migration.required_if_enabled
        if _lacks(new_spec, path) and _at(new_spec, f"{_parent(path)}.enabled")
    ]
    core = _at(live_object or {}, "status.core")
    if migration.compares_version and core is not MISSING:
        version = _at(core, "version")
        if version is MISSING:
            reasons.append("status.core.version is missing: a run has not come to its end yet, or has failed")
        elif version != release.tag:
            reasons.append(f"status.core.version is {version}, the installer is {release.tag}: this is an upgrade")
    return reasons


def would_break_installer(release: Release, spec: Mapping[str, Any]) -> list[str]:
    """Tell whether a spec makes ks-installer die at the start of each run, before it installs anything.

    Args:
        release: The release of the ks-installer that runs.
        spec: The whole spec.

    Returns:
        The reasons; empty if it would run.
    """
    migration = release.installer.migration if release.installer else None
    if migration is None:
        return []
    reasons = [
        f"spec.{path} must be a mapping, it is {_kind(_at(spec, path))}"
        for path in migration.mappings
        if not isinstance(_at(spec, path), (Mapping, Missing))
    ]
    reasons += [f"spec.{path} is missing, it must exist" for path in migration.indispensable if _lacks(spec, path)]
    return reasons


def differences(live_spec: Mapping[str, Any], wanted_spec: Mapping[str, Any]) -> list[Difference]:
    """List what stands otherwise than wanted.

    Only what is wanted counts: keys that are there besides (ks-installer adds some in its migration) are no difference.
    A wanted None is met by a None and by an absent key alike. Lists are compared as a whole.

    Args:
        live_spec: The spec as it stands.
        wanted_spec: The spec as it should.

    Returns:
        The differences, secrets included: show them through a Redactor only.
    """
    return list(_differences(live_spec, wanted_spec, ""))


def check_jwt_secret(value: Any) -> list[str]:
    """Check a jwtSecret that was given.

    Args:
        value: The secret.

    Returns:
        The problems; empty if it is usable. The secret is never repeated in them.
    """
    if not isinstance(value, str):
        return [f"jwtSecret must be a string, it is {_kind(value)}; put it in quotes."]
    if not value:
        return ["jwtSecret is empty; leave it out to have one generated."]
    if re.fullmatch(r"[A-Za-z0-9]+", value):
        return []
    return [
        "jwtSecret may hold nothing but ASCII letters and digits, because ks-installer passes it unquoted to a shell; "
        f"use {JWT_SECRET_LENGTH} of them."
    ]


def advise_jwt_secret(value: Any) -> list[str]:
    """What the user should know of a jwtSecret, even if it is usable."""
    if not value or not isinstance(value, str) or len(value) >= JWT_SECRET_LENGTH:
        return []
    return [
        f"jwtSecret is shorter than the {JWT_SECRET_LENGTH} letters that are recommended: whoever guesses it is "
        "administrator of the whole fleet."
    ]


def check_cluster_name(name: Any, *, agent: bool = False) -> list[str]:
    """Check the name of a member's Cluster.

    Args:
        name: The name.
        agent: Whether the member is connected by the agent: its Service ``mc-<name>`` leaves three characters less.

    Returns:
        The problems; empty if the name is valid.
    """
    problems = _check_name(name, _CLUSTER_NAME, "lower-case letters, digits and '-'", 60 if agent else 63)
    return [f"cluster name {problem}" for problem in problems]


def check_host_cluster_name(name: Any) -> list[str]:
    """Check the name of the host's own Cluster, which may hold dots too.

    Args:
        name: The name.

    Returns:
        The problems; empty if the name is valid.
    """
    problems = _check_name(name, _HOST_CLUSTER_NAME, "lower-case letters, digits, '-' and '.'", 63)
    return [f"host cluster name {problem}" for problem in problems]


def _check_name(name: Any, pattern: re.Pattern[str], characters: str, longest: int) -> list[str]:
    if not isinstance(name, str):
        return [f"must be a string, it is {_kind(name)}; put it in quotes."]
    problems = []
    if not pattern.fullmatch(name):
        problems.append(f"{name!r} is not valid: use {characters}, and a letter or digit at both ends.")
    if len(name) > longest:
        problems.append(f"{name!r} has {len(name)} characters, at most {longest} are possible.")
    return problems


def _host_cluster_name_values(release: Release, name: str) -> dict[str, Any]:
    problems = check_host_cluster_name(name)
    if problems:
        raise ConfigurationError("multicluster.hostClusterName", " ".join(problems))
    if release.host_cluster_name:
        return {"hostClusterName": name}
    if name == DEFAULT_HOST_CLUSTER_NAME:
        return {}
    raise ConfigurationError(
        "multicluster.hostClusterName",
        f"KubeSphere {release.tag} always names its host {DEFAULT_HOST_CLUSTER_NAME!r}, not {name!r}; use that name.",
    )


def _refuse_replaced_sections(defaults: Mapping[str, Any], values: Mapping[str, Any], above: str = "") -> None:
    """Refuse a scalar, list or None where the defaults have a mapping: ks-installer would stumble over it."""
    for key, value in values.items():
        default, path = defaults.get(key), _join(above, key)
        if not isinstance(default, Mapping):
            continue
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                path, f"must be a mapping, it is {_kind(value)}; leave the key out to keep what the release ships."
            )
        _refuse_replaced_sections(default, value, path)


def _refuse_contradictions(values: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    for difference in differences(values, own):
        if difference.live in (MISSING, None, ""):
            continue
        live, wanted = (Redactor().data(side, difference.path) for side in (difference.live, difference.wanted))
        raise ConfigurationError(
            difference.path,
            f"is {live!r} here, but {wanted!r} follows from the cluster's own settings; remove one of the two.",
        )


def _refuse_bad_jwt_secret(spec: Mapping[str, Any]) -> None:
    secret = _at(spec, "authentication.jwtSecret")
    problems = [] if secret == "" else check_jwt_secret(secret)
    if problems:
        raise ConfigurationError("authentication.jwtSecret", " ".join(problems))


def _refuse_bad_proxy_address(values: Mapping[str, Any]) -> None:
    """Refuse an address of a host that no agent could call; one that stands already is not looked at."""
    written = _at(values, "multicluster.proxyPublishAddress")
    host = _at(values, "multicluster.clusterRole") == "host"
    problems = address.problems(written) if host and written not in (MISSING, None, "") else []
    if problems:
        raise ConfigurationError(
            "multicluster.proxyPublishAddress", f"{'; '.join(problems)}. {address.BadAddress.default_hint}"
        )


def _differences(live: Any, wanted: Any, path: str) -> Iterator[Difference]:
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        for key, value in wanted.items():
            yield from _differences(live.get(key, MISSING), value, _join(path, key))
    elif wanted is None and live is MISSING:
        return
    elif not same(live, wanted):
        yield Difference(path, live, wanted)


def _plain_mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError("", f"values of a ClusterConfiguration must be a mapping, they are {_kind(value)}.")
    _refuse_foreign_types(value, "")
    return dict(plain_copy(value))


def _refuse_foreign_types(value: Any, path: str, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ConfigurationError(path[:100], f"has more than {_DEEPEST} mappings or lists inside each other.")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ConfigurationError(_join(path, str(key)), f"the key is {_kind(key)}; put it in quotes.")
            _refuse_foreign_types(inner, _join(path, key), depth + 1)
    elif is_list(value):
        for index, inner in enumerate(value):
            _refuse_foreign_types(inner, f"{path}[{index}]", depth + 1)
    elif (isinstance(value, float) and not math.isfinite(value)) or not isinstance(
        value, (str, int, float, type(None))
    ):
        raise ConfigurationError(path, f"{_kind(value)} has no form in JSON; put it in quotes.")


def _kind(value: Any) -> str:
    """Name a value's kind in the words of YAML, never the value."""
    if value is None:
        return "null"
    for kind, name in ((bool, "a boolean"), (str, "a string"), ((int, float), "a number"), (Mapping, "a mapping")):
        if isinstance(value, kind):
            return name
    return "a list" if is_list(value) else f"a {type(value).__name__}"


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return MISSING
        value = value[key]
    return value


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _lacks(spec: Mapping[str, Any], path: str) -> bool:
    """Tell whether a path is missing although its parent, if it has one, is there."""
    parent = _parent(path)
    return _at(spec, path) is MISSING and (not parent or isinstance(_at(spec, parent), Mapping))


def _join(path: str, key: str) -> str:
    step = f"[{key!r}]" if "." in key else key
    return f"{path}.{step}" if path and step is key else f"{path}{step}"
