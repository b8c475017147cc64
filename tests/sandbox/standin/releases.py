"""What differs between the releases, in one place.

Sources: the tags of kubesphere/ks-installer and kubesphere/kubesphere, compared one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# The git tag v3.1.1 of ks-installer names a moving image in its own manifest.
_MOVING_TAGS = {"release-3.1": "v3.1.1", "release-3.2": "v3.2.1", "release-3.3": "v3.3.2", "release-3.4": "v3.4.1"}


@dataclass(frozen=True, order=True)
class Release:
    """One release, comparable by its number."""

    number: tuple[int, int, int]

    @classmethod
    def of(cls, tag: str) -> Release:
        """Release of an image tag, of patched images too (``v3.4.1-patch.0``).

        Raises:
            ValueError: the tag names no release of the lines 3.0 to 3.4.
        """
        match = re.match(r"v(3)\.([0-4])\.(\d+)", _MOVING_TAGS.get(tag, tag))
        if not match:
            raise ValueError(f"{tag!r} is no tag of KubeSphere 3.0 to 3.4: give --release, for example v3.4.1")
        major, minor, patch = (int(part) for part in match.groups())
        return cls((major, minor, patch))

    @property
    def tag(self) -> str:
        """The tag, ``v3.4.1``."""
        return "v{}.{}.{}".format(*self.number)

    @property
    def line(self) -> tuple[int, int]:
        """The release line, ``(3, 4)``."""
        return self.number[:2]

    @property
    def oldest_kubernetes(self) -> tuple[int, int]:
        """The floor of roles/preinstall/tasks/precheck.yaml."""
        return (1, 15) if self.number < (3, 2, 1) else (1, 19)

    @property
    def tower_tag(self) -> str:
        """Tag of the tower image, roles/download/defaults/main.yml."""
        return {0: "v0.1.0", 4: "v0.2.1"}.get(self.number[1], "v0.2.0")

    @property
    def kubefed_tag(self) -> str:
        """Tag of the kubefed image, roles/download/defaults/main.yml."""
        return {0: "v0.3.0", 1: "v0.7.0"}.get(self.number[1], "v0.8.1")

    @property
    def reported_version(self) -> str:
        """``gitVersion`` of /kapis/version; 3.0 was built without it."""
        return "v0.0.0" if self.line == (3, 0) else self.tag

    @property
    def writes_core_version(self) -> bool:
        """Whether roles/check-result writes ``status.core.version``, and the installer compares it with its own."""
        return self.number >= (3, 1, 1)

    @property
    def migrates(self) -> bool:
        """Whether the installer brings older ClusterConfigurations into its own form."""
        return self.line >= (3, 1)

    @property
    def reloads_configuration(self) -> bool:
        """Whether pods notice a changed kubesphere-config; before, ks-installer restarts them (ks-restart.yaml)."""
        return self.line >= (3, 3)

    @property
    def names_cluster(self) -> bool:
        """Whether the cluster controller writes ``clusterName`` into kubesphere-config and ``status.uid``."""
        return self.line >= (3, 3)

    @property
    def checks_workspaces(self) -> bool:
        """Whether a joining member with a foreign federated workspace is refused (join.go checkWorkspaces)."""
        return self.line >= (3, 1)

    @property
    def makes_token_secret(self) -> bool:
        """Whether joining creates the service account's token Secret itself (needed from Kubernetes 1.24 on)."""
        return self.line >= (3, 3)

    @property
    def probes_clusters(self) -> bool:
        """Whether every resync probes joined clusters and sets Ready (probeClusters)."""
        return self.line in ((3, 1), (3, 2))

    @property
    def failed_join_is_a_condition(self) -> bool:
        """Whether a failed join becomes Federated=False; 3.0 only retries."""
        return self.line >= (3, 1)

    @property
    def failed_join_is_not_ready(self) -> bool:
        """Whether a failed join sets Ready=False as well."""
        return self.number >= (3, 3, 1)

    @property
    def needs_client_certificate(self) -> bool:
        """Whether a kubeconfig with a token never gets Ready (3.3: parseKubeConfigExpirationDate returns an error)."""
        return self.line == (3, 3)

    @property
    def watches_expiry(self) -> bool:
        """Whether the condition KubeConfigCertExpiresInSevenDays exists."""
        return self.line >= (3, 3)

    @property
    def has_cluster_webhook(self) -> bool:
        """Whether updates of Cluster objects are validated by a webhook."""
        return self.line >= (3, 4)

    @property
    def compares_uid(self) -> bool:
        """Whether a second import is recognised by kube-system's UID; before, by the server's address."""
        return self.line >= (3, 3)

    @property
    def checks_jwt_secret(self) -> bool:
        """Whether the validation API compares jwtSecret."""
        return self.line >= (3, 1)

    @property
    def checks_role(self) -> bool:
        """Whether the validation API demands clusterRole member."""
        return self.number >= (3, 4, 1)
