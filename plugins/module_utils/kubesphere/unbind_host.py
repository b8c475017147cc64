# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of a member, and how it lets it go (private to the collection)."""

from __future__ import annotations

from contextlib import nullcontext, suppress

from ..kube.errors import KubeError, WaitTimeout
from ..kube.resources import SECRET, SERVICE, Object
from ..kube.session import Session
from ..kube.wait import Done, Outcome, Pending, Progress, Target, wait
from . import cluster_webhook, jwt, ks_apiserver, kubesphere_config, leftovers
from .names import CLUSTER, FEDERATION_NAMESPACE, FINALIZER, KUBEFED_CLUSTER, NAMESPACE, federation_secret, mc_service

_CHANCE, _CHANCE_OF_THE_LIVING = 5.0, 30.0  # seconds that KubeSphere has to let a Cluster go before force is used
_SETTLING = 5.0  # seconds until tower has surely removed the Service of a Cluster that is gone
_RELEASE = 60.0  # seconds until every API server of a host has surely noticed that a webhook was suspended
_LOOK = 0.3


class HostSide:
    """A host that lets a member go.

    Attributes:
        cluster: the member's Cluster; None if it is gone already.
    """

    def __init__(self, host: Session, name: str) -> None:
        """Look at what is there.

        Raises:
            KubeError: it cannot be read.
        """
        self.host = host
        self.name = name
        self.cluster = host.find(CLUSTER, name)
        self._webhook = cluster_webhook.find(host)

    @property
    def leftovers(self) -> list[Target]:
        """What KubeSphere keeps beside a Cluster, and removes with it unless its finalizer was taken away."""
        return [
            Target(KUBEFED_CLUSTER, self.name, FEDERATION_NAMESPACE),
            Target(SECRET, federation_secret(self.name), FEDERATION_NAMESPACE),
            Target(SERVICE, mc_service(self.name), NAMESPACE),
        ]

    @property
    def knows_it(self) -> bool:
        """Whether anything is there."""
        return self.cluster is not None or any(self._find(target) for target in self.leftovers)

    def restore_webhook(self) -> None:
        """Restore the webhook that a killed run has left suspended."""
        if cluster_webhook.is_suspended(self._webhook):
            cluster_webhook.restore(self.host)

    def let_go(self, *, alive: bool, force: bool, timeout: float, progress: Progress) -> None:
        """Delete the Cluster, and whatever KubeSphere leaves of it.

        Args:
            alive: whether the member is reached.
            force: whether the finalizer is taken away where KubeSphere does not.
            timeout: seconds that KubeSphere may take.
            progress: told what is going on.

        Raises:
            KubeError: it could not be done.
        """
        if self.cluster is not None:
            if not self.cluster["metadata"].get("deletionTimestamp"):
                self.host.delete(self.cluster, "unbind it")
            self._await_end(alive, force, timeout, progress)
        if self.cluster is None or not self.host.planning:  # else KubeSphere removes them, as far as a plan can tell
            for target in self.leftovers:
                self._remove(target)

    def _await_end(self, alive: bool, force: bool, timeout: float, progress: Progress) -> None:
        """Wait until the Cluster is gone; with force, help."""
        if self.host.planning:
            if force and self._blocks:
                self._release(progress)
            return
        chance = _CHANCE_OF_THE_LIVING if alive else _CHANCE
        try:
            self._wait_until_gone(min(timeout, chance) if force else timeout, progress)
        except WaitTimeout:
            if not force:
                raise
            self._release(progress)
            self._wait_until_gone(max(timeout, _CHANCE), progress)

    def _wait_until_gone(self, timeout: float, progress: Progress) -> None:
        def evaluate(seen: Object | None) -> Outcome[None]:
            if seen is None or self._is_another(seen):
                return Done(None)
            finalizers = ", ".join(seen["metadata"].get("finalizers") or ["none"])
            return Pending(
                f"its finalizers are not removed: {finalizers}",
                "Look at the log of the Deployment kubesphere-system/ks-controller-manager on the host. From release "
                "3.4 on, it cannot let a member go that it does not reach: kubesphere_force does it.",
            )

        target = Target(CLUSTER, self.name)
        goal = f"{target} is gone"
        wait(self.host, target, evaluate, goal=goal, timeout=timeout, progress=progress, subject=self.name)

    @property
    def _blocks(self) -> bool:
        """Whether the webhook lets nobody update the Cluster: the host does not reach the member that it knows."""
        cluster = self.cluster or {}
        known = (cluster.get("status") or {}).get("uid")
        if not self._webhook or not known or FINALIZER not in cluster["metadata"].get("finalizers", ()):
            return False
        config = kubesphere_config.read(self.host)
        try:
            token = jwt.admin_token(config.jwt_secret) if config else None
            return token is None or ks_apiserver.uid_of_member(self.host, self.name, token) != known
        except ks_apiserver.MemberRefusesToken:
            return False
        except KubeError:
            return True

    def _release(self, progress: Progress) -> None:
        """Take KubeSphere's finalizer away, the webhook suspended meanwhile where there is one."""
        reason = f"it denies every update of {self.name}, which cannot be reached"

        def evaluate(seen: Object | None) -> Outcome[None]:
            if seen is None or self._is_another(seen) or FINALIZER not in seen["metadata"].get("finalizers", ()):
                return Done(None)
            if self._webhook is not None:
                cluster_webhook.suspend(self.host, reason)  # another run may have restored it meanwhile
            try:
                self._take_finalizer(seen)
            except KubeError as error:  # an API server notices the suspension a moment later
                return Pending(error.message, error.hint, _LOOK)
            return Done(None)

        target, goal = Target(CLUSTER, self.name), "its finalizer is taken away"
        with cluster_webhook.suspended(self.host, reason) if self._webhook else nullcontext():
            if self.host.planning:
                self._take_finalizer(self.cluster or {})
            else:
                wait(self.host, target, evaluate, goal=goal, timeout=_RELEASE, progress=progress, subject=self.name)

    def _is_another(self, seen: Object) -> bool:
        """Whether somebody has made a new Cluster of this name meanwhile."""
        return bool(seen["metadata"]["uid"] != (self.cluster or seen)["metadata"]["uid"])

    def _take_finalizer(self, seen: Object) -> None:
        kept = [each for each in seen["metadata"].get("finalizers") or [] if each != FINALIZER]
        reason = "KubeSphere does not let it go by itself"
        self.host.patch(seen, {"metadata": {"finalizers": kept}}, reason, guarded=True)

    def _find(self, target: Target) -> Object | None:
        """What KubeSphere keeps under a name; a user's own object of that name is none of it."""
        found = self.host.find(target.kind, target.name, target.namespace)
        return found if leftovers.is_kubespheres(found) else None

    def _remove(self, target: Target) -> None:
        """Delete one thing that is left."""
        if self.cluster is not None:
            self._await_removal(target)
        found = self._find(target)
        if found is not None and self.host.find(CLUSTER, self.name) is None:  # else it is a new one's by now
            self.host.delete(found, f"there is no Cluster {self.name} any more")

    def _await_removal(self, target: Target) -> None:
        """Give KubeSphere the time to remove one thing: it does so a moment after the Cluster."""

        def evaluate(seen: Object | None) -> Outcome[None]:
            return Done(None) if seen is None else Pending("it is still there", retry_in=_LOOK)

        with suppress(WaitTimeout):
            wait(self.host, target, evaluate, goal=f"{target} is gone", timeout=_SETTLING)
