# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the releases of KubeSphere; private to the collection.

This table is the only place where the collection tells one release from another. Every release is written as a change
of the one before it, so that a line of the table is a fact about the release in which it appears. Sources, unless a
comment names another: the repositories kubesphere/ks-installer and kubesphere/kubesphere at the release's tag.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from difflib import get_close_matches

Version = tuple[int, int]


class UnknownRelease(ValueError):
    """A tag that is not in the table; the message lists those that are."""


@dataclass(frozen=True)
class Kubernetes:
    """The versions of Kubernetes, as (major, minor), that a release works on.

    Attributes:
        minimum: Lowest version that the documentation names.
        maximum: Highest version that the documentation names without reservation.
        experimental: Highest version that the documentation names at all, with reservations above ``maximum``.
        floor: Lowest version that ks-installer accepts (roles/preinstall/tasks/precheck.yaml); below, it stops.
        ceiling: Highest version that takes the installer's own objects; None where nothing forbids a higher one.
    """

    minimum: Version
    maximum: Version
    experimental: Version
    floor: Version
    ceiling: Version | None = None

    def support(self, version: Version) -> str:
        """Judge a cluster's version.

        Args:
            version: (major, minor) of the cluster's API server.

        Returns:
            ``supported``; ``experimental``; ``untested``, outside of what the documentation names; or ``refused``, the
            installation cannot succeed.
        """
        if version < self.floor or (self.ceiling is not None and version > self.ceiling):
            return "refused"
        if self.minimum <= version <= self.maximum:
            return "supported"
        return "experimental" if self.maximum < version <= self.experimental else "untested"


@dataclass(frozen=True)
class Migration:
    """What ks-installer does with a ClusterConfiguration before each run (controller/installRunner.py).

    If a trigger fires, it deletes the object and creates it anew, with a status that remembers no component: everything
    is installed again. Paths are dotted and relative to the spec.

    Attributes:
        forbidden: Paths whose presence is a trigger.
        required: Paths whose absence is a trigger, where the parent is present.
        required_if_enabled: As ``required``, but only where the parent's ``enabled`` is true.
        compares_version: Whether a ``status.core`` without the release's own tag as ``version`` is a trigger.
        mappings: Paths that, where present, must hold a mapping: the migration looks into them, dies of a null, and is
            started again without end, so that nothing is ever installed.
        indispensable: Paths whose absence kills it in the same way, where the parent is present.
    """

    forbidden: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    required_if_enabled: tuple[str, ...] = ()
    compares_version: bool = False
    mappings: tuple[str, ...] = ()
    indispensable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Installer:
    """ks-installer, which turns a ClusterConfiguration into an installation (deploy/kubesphere-installer.yaml).

    Attributes:
        label: Value of the label ``app`` of its Deployment, selector and pod. The selector cannot be changed, so an
            upgrade over a change of it has to replace the Deployment.
        crd_version: Version of ``apiextensions.k8s.io`` in which the ClusterConfiguration's definition is written.
        api_groups: API groups of its ClusterRole, in the file's order.
        limits_resources: Whether its container has resource requests and limits.
        mounts_read_only: Whether /etc/localtime is mounted read-only.
        steps: What a run installs first, one after the other; a failure ends the run.
        components: What a run then installs side by side in every case, beside what the configuration enables. Of these
            ``monitoring`` and, on a host, ``multicluster`` report ``enabled`` in the status.
        migration: What it does with the ClusterConfiguration before a run; None if nothing.
        writes_core_version: Whether the run's end is marked by ``status.core.version`` (roles/check-result).
        namespace_override: Whether the spec's key ``namespace_override`` moves the images to another repository prefix
            (roles/download/defaults/main.yml); otherwise the prefix ``kubesphere`` is fixed.
    """

    label: str
    crd_version: str
    api_groups: tuple[str, ...]
    limits_resources: bool = False
    mounts_read_only: bool = False
    steps: tuple[str, ...] = ("preInstall", "metrics-server", "common", "ks-core")
    components: tuple[str, ...] = ("monitoring", "multicluster")
    migration: Migration | None = None
    writes_core_version: bool = False
    namespace_override: bool = False


@dataclass(frozen=True)
class Release:
    """One release of KubeSphere.

    Attributes:
        tag: The release's name, with its ``v``.
        kubernetes: Versions of Kubernetes that it works on.
        predecessors: Tags from which it can be reached by one upgrade.
        installer: Its ks-installer; None for a release that is installed in another way.
        tower_tag: Tag of the image ``tower``, which is the proxy of a host and the agent of a member.
        host_cluster_name: Whether ``multicluster.hostClusterName`` is read; otherwise the host is always ``host``.
        resync_period: Whether ``multicluster.clusterControllerResyncPeriod`` is read.
        admin_password: Whether ``authentication.adminPassword`` is read.
        cluster_role_in_config: Whether kubesphere-config tells the cluster's role.
        hot_reload: Whether the pods take up a changed kubesphere-config by themselves; before, ks-installer restarts
            them at the end of its run, and a change by anyone else needs a restart.
        kubesphere_version_in_status: Whether a Cluster's status tells the member's release.
        uid_in_status: Whether a Cluster's status tells the UID of the member's namespace kube-system.
        validates_jwt: Whether the validation API compares the member's jwtSecret with the host's.
        validates_role: Whether the validation API insists on the role ``member``.
        kubeconfig_update_api: Whether a member's kubeconfig can be replaced through ks-apiserver.
        cluster_webhook: Whether a webhook validates Cluster objects, and for that calls the member at each update.
        renews_conditions: Whether the conditions of a Cluster are written anew at each resync, so that an old one tells
            that nobody has seen the member since.
        tower_initialises: Whether tower, and not ks-controller-manager, initialises a Cluster of the agent connection.
        token_kubeconfig: What comes of a direct member whose kubeconfig has a token and no client certificate:
            ``works``, ``rejected``, or ``never_ready``.
    """

    tag: str
    kubernetes: Kubernetes
    predecessors: tuple[str, ...]
    installer: Installer | None
    tower_tag: str
    host_cluster_name: bool = False
    resync_period: bool = False
    admin_password: bool = False
    cluster_role_in_config: bool = False
    hot_reload: bool = False
    kubesphere_version_in_status: bool = False
    uid_in_status: bool = False
    validates_jwt: bool = False
    validates_role: bool = False
    kubeconfig_update_api: bool = False
    cluster_webhook: bool = False
    renews_conditions: bool = False
    tower_initialises: bool = True
    token_kubeconfig: str = "works"  # noqa: S105 - a verdict, no password

    @property
    def takes_tokens(self) -> bool:
        """Whether a direct member whose kubeconfig has a token and no client certificate becomes Ready."""
        return self.token_kubeconfig == "works"  # noqa: S105 - a verdict, no password

    @property
    def oldest_member(self) -> str:
        """Tag of the oldest release that a member of such a host may have: what one upgrade brings to this one.

        Nothing in KubeSphere compares the two, and no page of its documentation was found to name a range. The host
        goes first, so each upgrade leaves its members there for a while; and so far back its console was tested and
        mended: kubesphere/console#3070, #3265 and #3335 (host 3.3, member 3.2), kubesphere/kubesphere#3665 (host 3.1,
        member 3.0). A member newer than its host nobody vouches for: kubesphere/kubesphere#4119.
        """
        return (*self.predecessors, self.tag)[0]

    @property
    def installer_image(self) -> str:
        """The installer's image as released; the git tag v3.1.1 names a development image in its place."""
        return f"kubesphere/ks-installer:{self.tag}"

    @property
    def tower_image(self) -> str:
        """The image of tower, both of the proxy and of the agent."""
        return f"kubesphere/tower:{self.tower_tag}"

    @property
    def agent_image(self) -> str:
        """The image that a member's cluster-agent runs; a host's kubesphere-config may name another one."""
        return self.tower_image


_API_GROUPS_3_0 = (
    "",
    "apps",
    "extensions",
    "batch",
    "rbac.authorization.k8s.io",
    "apiregistration.k8s.io",
    "apiextensions.k8s.io",
    "tenant.kubesphere.io",
    "certificates.k8s.io",
    "devops.kubesphere.io",
    "monitoring.coreos.com",
    "logging.kubesphere.io",
    "jaegertracing.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "policy",
    "autoscaling",
    "networking.istio.io",
    "config.istio.io",
    "iam.kubesphere.io",
    "notification.kubesphere.io",
    "auditing.kubesphere.io",
    "events.kubesphere.io",
    "core.kubefed.io",
    "installer.kubesphere.io",
    "storage.kubesphere.io",
)
_API_GROUPS_3_1 = (
    *_API_GROUPS_3_0,
    "security.istio.io",
    "monitoring.kiali.io",
    "kiali.io",
    "networking.k8s.io",
    "kubeedge.kubesphere.io",
    "types.kubefed.io",
)
_API_GROUPS_3_2 = (*_API_GROUPS_3_1, "monitoring.kubesphere.io", "application.kubesphere.io")
_API_GROUPS_3_3 = tuple(group.replace("kubeedge", "edgeruntime") for group in _API_GROUPS_3_2)
_API_GROUPS_3_4 = (*_API_GROUPS_3_3, "alerting.kubesphere.io")

_MIGRATION_3_1_0 = Migration(
    forbidden=("notification", "networkpolicy"),
    required=("openpitrix.store",),
    mappings=("common", "openpitrix", "networkpolicy"),
)
_MIGRATION_3_1_1 = replace(
    _MIGRATION_3_1_0,
    forbidden=("logging.logsidecarReplicas", *_MIGRATION_3_1_0.forbidden),
    compares_version=True,
    mappings=(*_MIGRATION_3_1_0.mappings, "logging"),
)
_MIGRATION_3_2 = replace(_MIGRATION_3_1_1, mappings=(*_MIGRATION_3_1_1.mappings, "common.es"))
_MIGRATION_3_3 = replace(
    _MIGRATION_3_2,
    forbidden=(*_MIGRATION_3_2.forbidden, "kubeedge"),
    required=(*_MIGRATION_3_2.required, "terminal", "servicemesh.istio"),
    mappings=(*_MIGRATION_3_2.mappings, "servicemesh", "kubeedge"),
)
_MIGRATION_3_4 = replace(
    _MIGRATION_3_3,
    required=(*_MIGRATION_3_3.required, "events.ruler"),
    required_if_enabled=("devops.jenkinsCpuReq", "devops.jenkinsCpuLim"),
    mappings=(*_MIGRATION_3_3.mappings, "common.opensearch", "events", "devops"),
    indispensable=("common.es",),
)

_INSTALLER_3_0 = Installer(label="ks-install", crd_version="v1beta1", api_groups=_API_GROUPS_3_0)
_INSTALLER_3_1_0 = replace(
    _INSTALLER_3_0,
    api_groups=_API_GROUPS_3_1,
    limits_resources=True,
    components=(*_INSTALLER_3_0.components, "openpitrix", "network"),
    migration=_MIGRATION_3_1_0,
    namespace_override=True,
)
_INSTALLER_3_1_1 = replace(_INSTALLER_3_1_0, migration=_MIGRATION_3_1_1, writes_core_version=True)
_INSTALLER_3_2 = replace(
    _INSTALLER_3_1_1, crd_version="v1", api_groups=_API_GROUPS_3_2, mounts_read_only=True, migration=_MIGRATION_3_2
)
_INSTALLER_3_3 = replace(_INSTALLER_3_2, label="ks-installer", api_groups=_API_GROUPS_3_3, migration=_MIGRATION_3_3)
_INSTALLER_3_4 = replace(_INSTALLER_3_3, api_groups=_API_GROUPS_3_4, migration=_MIGRATION_3_4)

# Kubernetes: ks-installer's README at the tag; from 3.3.0 on the website's pages, which are newer (3.3.0: upgrade/
# upgrade-with-ks-installer.md; later: installing-on-kubernetes/introduction/prerequisites.md). Kubernetes 1.22 dropped
# the v1beta1 definitions in which 3.0 and 3.1 write theirs.
#
# Predecessors: section "Upgrade" of ks-installer's README at the tag (3.1 from 3.0, 3.2 from 3.1, 3.3 from 3.2). For
# 3.4 the sources contradict each other: the website's upgrade-with-ks-installer.md wants 3.3 first, its overview.md and
# the README are content with 3.2; the stricter one is taken. Within a line nothing restricts an upgrade.
_V3_0_0 = Release(
    tag="v3.0.0",
    kubernetes=Kubernetes(minimum=(1, 15), maximum=(1, 18), experimental=(1, 18), floor=(1, 15), ceiling=(1, 21)),
    predecessors=(),
    installer=_INSTALLER_3_0,
    tower_tag="v0.1.0",
    tower_initialises=False,
    token_kubeconfig="rejected",  # noqa: S106 - kubesphere/kubesphere#2929
)
_V3_1_0 = replace(
    _V3_0_0,
    tag="v3.1.0",
    kubernetes=Kubernetes(minimum=(1, 17), maximum=(1, 20), experimental=(1, 20), floor=(1, 15), ceiling=(1, 21)),
    predecessors=("v3.0.0",),
    installer=_INSTALLER_3_1_0,
    tower_tag="v0.2.0",
    kubesphere_version_in_status=True,
    validates_jwt=True,
    renews_conditions=True,
    tower_initialises=True,
    token_kubeconfig="works",  # noqa: S106
)
_V3_1_1 = replace(_V3_1_0, tag="v3.1.1", predecessors=("v3.0.0", "v3.1.0"), installer=_INSTALLER_3_1_1)
_V3_2_0 = replace(
    _V3_1_1,
    tag="v3.2.0",
    kubernetes=Kubernetes(minimum=(1, 19), maximum=(1, 21), experimental=(1, 22), floor=(1, 15)),
    predecessors=("v3.1.0", "v3.1.1"),
    installer=_INSTALLER_3_2,
    host_cluster_name=True,
    resync_period=True,
)
_V3_2_1 = replace(
    _V3_2_0,
    tag="v3.2.1",
    kubernetes=replace(_V3_2_0.kubernetes, floor=(1, 19)),
    predecessors=("v3.1.0", "v3.1.1", "v3.2.0"),
)
_V3_3_0 = replace(
    _V3_2_1,
    tag="v3.3.0",
    kubernetes=replace(_V3_2_1.kubernetes, maximum=(1, 22), experimental=(1, 23)),
    predecessors=("v3.2.0", "v3.2.1"),
    installer=_INSTALLER_3_3,
    cluster_role_in_config=True,
    hot_reload=True,
    uid_in_status=True,
    kubeconfig_update_api=True,
    token_kubeconfig="never_ready",  # noqa: S106 - kubesphere/kubesphere#5395
)
_V3_3_1 = replace(
    _V3_3_0,
    tag="v3.3.1",
    kubernetes=replace(_V3_3_0.kubernetes, maximum=(1, 21), experimental=(1, 24)),
    predecessors=("v3.2.0", "v3.2.1", "v3.3.0"),
    admin_password=True,
)
_V3_3_2 = replace(_V3_3_1, tag="v3.3.2", predecessors=("v3.2.0", "v3.2.1", "v3.3.0", "v3.3.1"))
_V3_4_0 = replace(
    _V3_3_2,
    tag="v3.4.0",
    kubernetes=replace(_V3_3_2.kubernetes, minimum=(1, 20), maximum=(1, 23), experimental=(1, 26)),
    predecessors=("v3.3.0", "v3.3.1", "v3.3.2"),
    installer=_INSTALLER_3_4,
    tower_tag="v0.2.1",
    cluster_webhook=True,
    token_kubeconfig="works",  # noqa: S106
)
_V3_4_1 = replace(
    _V3_4_0,
    tag="v3.4.1",
    predecessors=("v3.3.0", "v3.3.1", "v3.3.2", "v3.4.0"),
    validates_role=True,
)

RELEASES: dict[str, Release] = {
    release.tag: release
    for release in (
        _V3_0_0,
        _V3_1_0,
        _V3_1_1,
        _V3_2_0,
        _V3_2_1,
        _V3_3_0,
        _V3_3_1,
        _V3_3_2,
        _V3_4_0,
        _V3_4_1,
    )
}
"""All releases by tag, oldest first."""

DEFAULT_RELEASE = "v3.4.1"


def find(tag: str) -> Release:
    """Look up a release.

    Args:
        tag: The release's tag, with its leading ``v``.

    Returns:
        The release.

    Raises:
        UnknownRelease: The table has no such release.
    """
    release = RELEASES.get(tag)
    if release is None:
        closest = get_close_matches(f"v{str(tag).lstrip('vV')}", RELEASES, n=1)
        hint = f" Did you mean {closest[0]}?" if closest else ""
        raise UnknownRelease(
            f"KubeSphere release {tag!r} is not known to this collection.{hint} Known releases: {', '.join(RELEASES)}."
        )
    return release


def compare(one: Release, other: Release) -> int:
    """Tell which of two releases is the newer one.

    Returns:
        A negative number if ``one`` is older than ``other``, 0 if they are the same, a positive number if it is newer.
    """
    order = list(RELEASES)
    return order.index(one.tag) - order.index(other.tag)


def upgrade_path(current: Release, target: Release) -> tuple[Release, ...] | None:
    """Find the shortest way of allowed upgrades, over the newest releases where there are several.

    Args:
        current: The installed release.
        target: The wanted release.

    Returns:
        The releases to upgrade to in turn, ending with ``target``; empty if it is installed already; None if no way
        leads there, such as to an older release.
    """
    paths: deque[tuple[Release, ...]] = deque([(target,)])
    while paths:
        path = paths.popleft()
        if path[0].tag == current.tag:
            return path[1:]
        paths.extend((RELEASES[tag], *path) for tag in reversed(path[0].predecessors))
    return None
