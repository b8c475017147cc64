# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands of KubeSphere in one cluster, and whether it is finished (private to the collection)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.rollout import unavailable
from ..kube.session import Session
from . import installer_log, kubesphere_config
from .conditions import condition_problem
from .names import (
    CHANGED_AT,
    CLUSTER,
    CLUSTER_CONFIGURATION,
    FAILED_RUN,
    FEDERATION_NAMESPACE,
    HOST_LABEL,
    INSTALLER,
    NAMESPACE,
    RUN_BEFORE,
)
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
        return str(self.multicluster.get("clusterRole") or "none")

    @property
    def jwt_secret(self) -> str:
        """``authentication.jwtSecret``; empty where ks-installer was left to choose."""
        return str(self._section("authentication").get("jwtSecret") or "")

    @property
    def multicluster(self) -> dict[str, Any]:
        """Its section ``multicluster``; empty where it has none."""
        return self._section("multicluster")

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

    # When a run began and whether it has ended is told by no field of an object. (managedFields keep the time of the
    # first write where the same fields are written again.) So the collection notes at each change of its own what the
    # run must leave behind; a ClusterConfiguration that ks-installer re-creates loses these notes, and needs none.

    @property
    def changed_at(self) -> str:
        """When the collection last changed the spec, RFC 3339 by the API server's clock; else when it was created."""
        return self._note(CHANGED_AT) or str(self.configuration["metadata"].get("creationTimestamp") or "")

    @property
    def run_outstanding(self) -> bool:
        """Whether the collection has changed the spec, and no run has got as far as the end of ks-core since."""
        note = self._note(RUN_BEFORE)
        return bool(note) and note == str(self.core.get("enabledTime") or "")

    @property
    def failed_run(self) -> str:
        """Why the run after the last change failed, if the collection has seen that; empty if not."""
        return self._note(FAILED_RUN)

    def notes(self, server_time: str) -> dict[str, str | None]:
        """The annotations to write with a change that starts a run."""
        return {
            CHANGED_AT: server_time or None,
            RUN_BEFORE: str(self.core.get("enabledTime") or "") or None,
            FAILED_RUN: None,
        }

    def _note(self, name: str) -> str:
        return str((self.configuration["metadata"].get("annotations") or {}).get(name) or "")


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
    """What ks-installer has been doing since the spec was last changed."""
    session.redactor.add(installed.jwt_secret)  # a failed task may print its command line
    label = release.installer.label if release.installer else INSTALLER
    return installer_log.read(session, label, installed.changed_at)


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
        reported = status.get(component)
        if not isinstance(reported, dict) or reported.get("status") != "enabled":
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
    if release.cluster_role_in_config and config.cluster_role != installed.cluster_role:
        return f"kubesphere-config has the role {config.cluster_role or 'none'}, not yet {installed.cluster_role}"
    if installed.jwt_secret and config.jwt_secret.reveal() != installed.jwt_secret:
        return "kubesphere-config has another jwtSecret than the ClusterConfiguration"
    address = str(installed.multicluster.get("proxyPublishAddress") or "")
    if installed.cluster_role == "host" and address and config.proxy_publish_address != address:
        return f"kubesphere-config has not got proxyPublishAddress {address} yet"
    return ""


def _unfinished_host(session: Session) -> str:
    """The host's own Cluster is made by its cluster controller, never by us."""
    clusters = session.list(CLUSTER, label_selector=HOST_LABEL, missing_ok=True).items
    if not clusters:
        return "the host's own Cluster does not exist yet"
    return condition_problem(clusters[0], "Ready")
