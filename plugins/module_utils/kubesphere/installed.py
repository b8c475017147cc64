# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands of KubeSphere in one cluster, and whether it is finished (private to the collection)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..kube.errors import KubeError
from ..kube.pods import unavailable
from ..kube.resources import Object
from ..kube.session import Session
from . import installer_log, kubesphere_config
from .conditions import condition_problem
from .names import CLUSTER, CLUSTER_CONFIGURATION, FEDERATION_NAMESPACE, HOST_LABEL, INSTALLER, NAMESPACE
from .releases import RELEASES, Release

_DEPLOYMENTS = ("ks-apiserver", "ks-console", "ks-controller-manager")
_FEDERATION_DEPLOYMENTS = ("kubefed-controller-manager", "kubefed-admission-webhook")


class InstallationFailed(KubeError):
    """A run of ks-installer ended without having installed what it should."""

    default_hint = (
        "Mend the cause and run this again: it restarts ks-installer. "
        "The whole log: kubectl -n kubesphere-system logs deploy/ks-installer."
    )


@dataclass(frozen=True)
class Installed:
    """A ClusterConfiguration, read.

    Attributes:
        configuration: the object.
    """

    configuration: Object

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec; empty where it has none."""
        spec = self.configuration.get("spec")
        return spec if isinstance(spec, dict) else {}

    @property
    def core(self) -> dict[str, Any]:
        """``status.core``: a run of the installer writes it at the end of ks-core, its ``version`` at the very end."""
        core = (self.configuration.get("status") or {}).get("core")
        return core if isinstance(core, dict) else {}

    @property
    def cluster_role(self) -> str:
        """``host``, ``member`` or ``none``."""
        return str(self._section("multicluster").get("clusterRole") or "none")

    @property
    def jwt_secret(self) -> str:
        """``authentication.jwtSecret``; empty where ks-installer was left to choose."""
        return str(self._section("authentication").get("jwtSecret") or "")

    def _section(self, name: str) -> dict[str, Any]:
        section = self.spec.get(name)
        return section if isinstance(section, dict) else {}

    @property
    def release(self) -> str:
        """Tag of the release that stands here, or is being installed here."""
        version = str(self.core.get("version") or "")
        labels = self.configuration["metadata"].get("labels") or {}
        return version or str(labels.get("version") or "")

    @property
    def complete_once(self) -> bool:
        """Whether a run has come to its end at least once."""
        known = RELEASES.get(self.release)
        marked = bool(known and known.installer and known.installer.writes_core_version)
        return self.core.get("status") == "enabled" and (bool(self.core.get("version")) or not marked)

    @property
    def spec_time(self) -> str:
        """When the spec was written last, RFC 3339 by the API server's clock."""
        return _written(self.configuration, "f:spec") or str(
            self.configuration["metadata"].get("creationTimestamp") or ""
        )

    @property
    def run_outstanding(self) -> bool:
        """Whether the spec was written after the installer last reported: then a run is still to come, or going on.

        Read from ``managedFields``; where the API server keeps none, nothing is outstanding.
        """
        reported = _written(self.configuration, "f:status")
        return bool(reported) and _written(self.configuration, "f:spec") > reported


def read(session: Session) -> Installed | None:
    """Read the ClusterConfiguration; None where there is none."""
    configuration = session.find(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)
    return Installed(configuration) if configuration else None


def unfinished(session: Session, release: Release, installed: Installed) -> str:
    """What is still missing before the installation of a release is finished; empty if it is.

    Looks at what a run leaves behind, not at the log: ``status.core``, the components that report, the Deployments,
    kubesphere-config, and on a host its own Cluster.

    Raises:
        KubeError: something cannot be read.
    """
    return (
        unfinished_run(release, installed)
        or _unfinished_deployments(session, installed)
        or _unfinished_config(session, release, installed)
        or (_unfinished_host(session) if installed.cluster_role == "host" else "")
    )


def installer_state(session: Session, release: Release, installed: Installed) -> installer_log.InstallerState:
    """What ks-installer has been doing since the spec was last written."""
    session.redactor.add(installed.jwt_secret)  # a failed task may print its command line
    label = release.installer.label if release.installer else INSTALLER
    return installer_log.read(session, label, installed.spec_time)


def unfinished_run(release: Release, installed: Installed) -> str:
    """What the status lacks after a run that has come to a good end; empty if nothing."""
    if installed.core.get("status") != "enabled":
        return "ks-core is not installed yet"
    if release.installer and release.installer.writes_core_version:
        version = installed.core.get("version")
        if not version:
            return "the components are not all installed yet"
        if version != release.tag:
            return f"{version} is installed, the upgrade to {release.tag} has not come to its end"
    if installed.run_outstanding:
        return "the last change of the ClusterConfiguration is not installed yet"
    status = installed.configuration.get("status") or {}
    for component in _reporting(installed):
        if (status.get(component) or {}).get("status") != "enabled":
            return f"component {component} is not enabled yet"
    return ""


def _reporting(installed: Installed) -> Iterable[str]:
    """Components that every installation has and that report in the status."""
    return ("monitoring", "multicluster") if installed.cluster_role == "host" else ("monitoring",)


def _unfinished_deployments(session: Session, installed: Installed) -> str:
    if installed.cluster_role != "host":
        return unavailable(session, NAMESPACE, _DEPLOYMENTS)
    return unavailable(session, NAMESPACE, (*_DEPLOYMENTS, "tower")) or unavailable(
        session, FEDERATION_NAMESPACE, _FEDERATION_DEPLOYMENTS
    )


def _unfinished_config(session: Session, release: Release, installed: Installed) -> str:
    config = kubesphere_config.read(session)
    if config is None:
        return "kubesphere-config is not written yet"
    wanted = installed.spec.get("multicluster") or {}
    if release.cluster_role_in_config and config.cluster_role != installed.cluster_role:
        return f"kubesphere-config has the role {config.cluster_role or 'none'}, not yet {installed.cluster_role}"
    if installed.jwt_secret and config.jwt_secret.reveal() != installed.jwt_secret:
        return "kubesphere-config has another jwtSecret than the ClusterConfiguration"
    address = str(wanted.get("proxyPublishAddress") or "")
    if installed.cluster_role == "host" and address and config.proxy_publish_address != address:
        return f"kubesphere-config has not got proxyPublishAddress {address} yet"
    return ""


def _unfinished_host(session: Session) -> str:
    """The host's own Cluster is made by its cluster controller, never by us."""
    clusters = session.list(CLUSTER, label_selector=HOST_LABEL, missing_ok=True).items
    if not clusters:
        return "the host's own Cluster does not exist yet"
    return condition_problem(clusters[0], "Ready")


def _written(item: Object, field: str) -> str:
    """When a field at the top was written last, by whomever; empty where that is not recorded.

    Times are RFC 3339 in UTC with seconds, so they compare as text.
    """
    entries = item["metadata"].get("managedFields") or []
    return max(
        (str(entry.get("time") or "") for entry in entries if field in (entry.get("fieldsV1") or {})), default=""
    )
