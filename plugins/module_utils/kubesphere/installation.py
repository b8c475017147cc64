# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing KubeSphere in one cluster, as host or as member (private to the collection)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..kube import rollout
from ..kube.errors import KubeError, NotFound
from ..kube.merge import merge, merge_patch, missing_from
from ..kube.objects import ensure
from ..kube.resources import CUSTOM_RESOURCE_DEFINITION, DEPLOYMENT, Object, of
from ..kube.secret import Secret
from ..kube.session import Session, retry_on_conflict
from ..kube.wait import Done, Outcome, Pending, Progress, Target, silent, wait
from . import configuration, installed, installer, installer_log, jwt, kubesphere_config, releases, result, upgrade
from .configuration import DEFAULT_HOST_CLUSTER_NAME
from .installed import InstallationFailed, Installed
from .installer_log import InstallerState
from .names import CLUSTER_CONFIGURATION, FAILED_RUN, INSTALLER, NAMESPACE
from .refusals import Refused
from .releases import Release
from .result import Result

_SHORT_WAIT = 120.0  # seconds for what Kubernetes itself does: establish a definition, replace a pod
_SLOW_LOOK, _QUICK_LOOK = 10.0, 0.5  # seconds between looks while a run goes on, and after its end
_OTHERS_LOOK = 2.0  # seconds between looks for an installation that another run is to begin
_EXPLANATION = 10.0  # seconds for which the cause of a failure is waited for
_SERVED_LOOK = 0.1  # seconds between tries while the API server takes up a new definition


@dataclass(frozen=True)
class Wanted:
    """What a user wants of one cluster's installation.

    Attributes:
        release: tag of the KubeSphere release.
        cluster_role: ``host`` or ``member``.
        configuration: values laid over the release's ClusterConfiguration spec.
        jwt_secret: the fleet's secret, if the user has given one.
        host_cluster_name: name of the host's own Cluster; hosts only.
        registry: private registry, ``host[:port][/path]``.
        image_namespace: repository prefix of the images there.
        pull_secrets: names of pull secrets in kubesphere-system.
        manifest: a user's own manifest in place of ours, parsed.
    """

    release: str
    cluster_role: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    jwt_secret: Secret | None = None
    host_cluster_name: str | None = None
    registry: str | None = None
    image_namespace: str | None = None
    pull_secrets: Sequence[str] = ()
    manifest: Sequence[Any] | None = None


def manifests(wanted: Wanted, jwt_secret: Secret | None = None) -> tuple[list[Object], Object]:
    """The installer's objects, in the order to apply them, and the ClusterConfiguration for a first installation.

    Args:
        wanted: what the user wants.
        jwt_secret: the fleet's secret; the user's if not given, left empty if there is none.

    Raises:
        configuration.ConfigurationError, releases.UnknownRelease: what is wanted cannot be.
    """
    release = releases.find(wanted.release)
    objects = installer.installer_objects(
        release,
        registry=wanted.registry,
        image_namespace=wanted.image_namespace,
        pull_secrets=wanted.pull_secrets,
    )
    base = None
    if wanted.manifest is not None:
        own, own_configuration = installer.split_manifest(wanted.manifest)
        objects = own or objects
        base = own_configuration["spec"] if own_configuration else None
    return objects, configuration.cluster_configuration(
        release,
        wanted.cluster_role,
        _revealed(jwt_secret or wanted.jwt_secret),
        _values(release, wanted),
        host_cluster_name=wanted.host_cluster_name,
        base=base,
    )


def install(
    session: Session,
    wanted: Wanted,
    host: Session | None = None,
    *,
    wait_timeout: float | None = None,
    progress: Progress = silent,
) -> Result:
    """Install, reconfigure or upgrade KubeSphere in a cluster; do nothing where it stands as wanted.

    Args:
        session: the cluster.
        wanted: what the user wants.
        host: the fleet's host, for a member: it has the jwtSecret.
        wait_timeout: seconds to wait for the end of the installation; None does not wait for it, only for a run of the
            installer that must end before anything may be changed.
        progress: told what is going on.

    Returns:
        ``data`` has ``release``, ``cluster_role``, ``finished`` and ``upgraded_from`` (None if it is no upgrade).

    Raises:
        Refused: a change of role, a downgrade, or an upgrade that skips a release.
        InstallationFailed: ks-installer's run failed.
        KubeError: a request or a wait failed.
    """
    release = releases.find(wanted.release)
    return _Installation(session, wanted, release, host, progress).run(wait_timeout)


def await_installed(
    session: Session, wanted: Wanted, *, managed: bool = True, wait_timeout: float, progress: Progress = silent
) -> Result:
    """Wait for the end of an installation that was begun before; write nothing.

    Args:
        session: the cluster.
        wanted: what the user wants.
        managed: whether it was begun by us; if not, perhaps it was not begun yet, and what stands is not waited for.
        wait_timeout: seconds.
        progress: told what is going on.

    Returns:
        ``data`` as that of :func:`install`.

    Raises:
        InstallationFailed: ks-installer's run failed.
        KubeError: a request or the wait failed.
    """
    installation = _Installation(session, wanted, releases.find(wanted.release), None, progress)
    return installation.await_end(wait_timeout) if managed else installation.await_other(wait_timeout)


class _Installation:
    """One call of :func:`install` or :func:`await_installed`."""

    def __init__(
        self, session: Session, wanted: Wanted, release: Release, host: Session | None, progress: Progress
    ) -> None:
        self.session = session
        self.wanted = wanted = _with_given_secret(wanted)
        self.release = release
        self.host = host
        self.progress = progress
        self.warnings: list[str] = []
        self._failure_seen: float | None = None
        self._end_seen: float | None = None
        self._mark_awaited = False
        self._managed = True
        if wanted.jwt_secret:
            session.redactor.add(wanted.jwt_secret)

    def run(self, wait_timeout: float | None) -> Result:
        found = installed.read(self.session)
        upgraded_from = None
        if found is None:
            self._install_first()
        else:
            self._refuse_other_role(found)
            self._refuse_other_host_name(found)
            if self._is_upgrade(found):
                upgraded_from = found.release
                self._upgrade(found, wait_timeout)
            else:
                self._reconfigure(found, wait_timeout)
        if wait_timeout is None:
            return self._result(self._stands(found), upgraded_from)
        return self._result(self._await_end(wait_timeout), upgraded_from)

    def await_end(self, wait_timeout: float) -> Result:
        return self._result(self._await_end(wait_timeout), None)

    def await_other(self, wait_timeout: float) -> Result:
        self._managed = False
        found = installed.read(self.session)
        if found is not None:
            self._refuse_other_role(found)
        return self._result(self._stands(found) or self._await_end(wait_timeout), None)

    def _result(self, finished: bool, upgraded_from: str | None) -> Result:
        return result.of(
            [self.session],
            self.warnings,
            release=self.release.tag,
            cluster_role=self.wanted.cluster_role,
            finished=finished,
            upgraded_from=upgraded_from,
        )

    # A first installation

    def _install_first(self) -> None:
        secret = self.wanted.jwt_secret or (
            jwt.generate() if self.wanted.cluster_role == "host" else self._secret_of_host()
        )
        self.session.redactor.add(secret)
        objects, cluster_configuration = manifests(self.wanted, secret)
        self._refuse_broken(cluster_configuration["spec"])
        self._ensure_installer(objects)
        self._create_when_served(cluster_configuration)

    def _ensure_installer(self, objects: Sequence[Object]) -> None:
        for item in objects:
            try:
                of(item)
            except ValueError as error:
                raise Refused(f"the manifest cannot be applied: {error}", self.session.cluster) from None
        for item in objects:
            ensure(self.session, item, f"install {self.release.tag}")

    def _create_when_served(self, cluster_configuration: Object) -> None:
        """Create an object of a definition that has only just been made: the API server takes a moment to serve it."""

        def evaluate(_item: Object | None) -> Outcome[Object]:
            try:
                return Done(self.session.create(cluster_configuration, f"install {self.release.tag}"))
            except NotFound as error:
                return Pending(error.message, "Look at the conditions of the CustomResourceDefinition.", _SERVED_LOOK)

        goal = "the API server serves ClusterConfigurations"
        definition = Target(CUSTOM_RESOURCE_DEFINITION, CLUSTER_CONFIGURATION.definition)
        wait(self.session, definition, evaluate, goal=goal, timeout=_SHORT_WAIT, start={})

    # A change of what stands

    def _reconfigure(self, found: Installed, wait_timeout: float | None) -> None:
        if found.failed_run and not self._changes(found):
            self._run_again(found)
        elif installed.unfinished_run(self.release, found):
            self._mend_interrupted(found)
        self._change_spec(found, wait_timeout)

    def _run_again(self, found: Installed) -> None:
        """Repeat a run that failed; a change of the spec would do so by itself."""
        self._restart_installer(f"its last run failed: {found.failed_run}")
        notes = {"metadata": {"annotations": found.notes(self.session.server_time)}}
        self.session.patch(found.configuration, notes, "note that a new run has begun")

    def _mend_interrupted(self, found: Installed) -> None:
        """Bring an installation back on its way that was cut off, or whose last run failed."""
        objects = manifests(self.wanted, self.wanted.jwt_secret)[0]
        self._ensure_installer(objects)
        if self._changes(found):
            return  # the change itself starts a new run
        state = installed.installer_state(self.session, self.release, found)
        if state.failure:
            self._restart_installer(f"its last run failed: {state.failure}")

    def _change_spec(self, found: Installed, wait_timeout: float | None) -> None:
        def change(now: Installed) -> Object:
            if self._changes(now):
                now = self._when_idle(now, wait_timeout)
            changes = self._changes(now)
            if not changes:
                return now.configuration
            wanted_spec = merge_patch(now.spec, changes)
            self._refuse_broken(wanted_spec)
            self._announce_recreation(now, wanted_spec)
            self._ensure_missing_installer()
            paths = ", ".join(difference.path for difference in configuration.differences(now.spec, wanted_spec))
            return self.session.patch(now.configuration, self._change(now, changes), f"change {paths}", guarded=True)

        retry_on_conflict(change, found, self._read_again)

    def _change(self, now: Installed, changes: Mapping[str, Any]) -> Object:
        """The patch for changes of the spec, with the notes that tell the run from the one before."""
        return {"metadata": {"annotations": now.notes(self.session.server_time)}, "spec": changes}

    def _read_again(self) -> Installed:
        return Installed(self.session.get(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE))

    def _announce_recreation(self, found: Installed, wanted_spec: Mapping[str, Any]) -> None:
        reasons = configuration.would_be_recreated(self.release, found.configuration, wanted_spec)
        if reasons and found.complete_once:
            self.warnings.append(
                f"{self.session.cluster}: ks-installer will re-create the ClusterConfiguration and install every "
                f"component again: {'; '.join(reasons)}."
            )

    def _ensure_missing_installer(self) -> None:
        """Bring ks-installer back where somebody has removed it, for it has to carry out the change."""
        if self.session.find(DEPLOYMENT, INSTALLER, NAMESPACE) is None:
            self._ensure_installer(manifests(self.wanted, self.wanted.jwt_secret)[0])

    def _changes(self, found: Installed) -> dict[str, Any]:
        """The merge patch for the spec; empty if it means already what is wanted."""
        values = merge(self._required_defaults(found), _manifest_values(self.wanted))
        values = merge(values, _values(self.release, self.wanted))
        own: dict[str, Any] = {"multicluster": {"clusterRole": self.wanted.cluster_role}}
        if self.wanted.host_cluster_name:
            own["multicluster"]["hostClusterName"] = self.wanted.host_cluster_name
        secret = self._fleet_secret()
        if secret and not self._in_force(secret, found):
            own["authentication"] = {"jwtSecret": secret.reveal()}
        # Checked as for a first installation, with what stands as the base.
        configuration.cluster_configuration(
            self.release, self.wanted.cluster_role, _revealed(secret), _values(self.release, self.wanted)
        )
        wanted_spec = merge(merge(found.spec, values), own)
        return missing_from(found.spec, wanted_spec, whole_lists=True) or {}

    def _required_defaults(self, found: Installed) -> dict[str, Any]:
        """Defaults for what ks-installer would re-create the ClusterConfiguration over, if it were missing."""
        migration = self.release.installer.migration if self.release.installer else None
        defaults = configuration.default_spec(self.release)
        missing: dict[str, Any] = {}
        for path in migration.required if migration else ():
            keys = path.split(".")
            parent: Any = found.spec
            for key in keys[:-1]:
                parent = parent.get(key) if isinstance(parent, dict) else None
            if isinstance(parent, dict) and keys[-1] not in parent:
                value: Any = defaults
                for key in keys:
                    value = value.get(key) if isinstance(value, dict) else None
                for key in reversed(keys):
                    value = {key: value}
                missing = merge(missing, value)
        return missing

    def _fleet_secret(self) -> Secret | None:
        """The jwtSecret that the cluster must have; None for a host whose own one is as good as any."""
        if self.wanted.jwt_secret is None and self.wanted.cluster_role == "host":
            return None
        return self.wanted.jwt_secret or self._secret_of_host()

    def _in_force(self, secret: Secret, found: Installed) -> bool:
        """Whether the cluster has a jwtSecret already."""
        if found.jwt_secret:
            return found.jwt_secret == secret.reveal()
        config = kubesphere_config.read(self.session)
        return bool(config and config.jwt_secret == secret)

    def _secret_of_host(self) -> Secret:
        """The fleet's jwtSecret, which the host keeps."""
        if self.host is None:
            raise Refused(
                "a member needs the host's jwtSecret, and neither the host nor the secret was given",
                self.session.cluster,
                "Say how to reach the host (host_cluster), or give jwt_secret.",
            )
        found = installed.read(self.host)
        if found and found.jwt_secret:
            secret = Secret(found.jwt_secret)
        else:
            config = kubesphere_config.read(self.host)
            if config is None or not config.jwt_secret:
                if self.session.planning:
                    return jwt.generate()  # stands for the one that the run will find; it is masked in the plan
                raise Refused(
                    "the host has no jwtSecret yet, because KubeSphere is not installed there",
                    self.host.cluster,
                    "Install the host first: the playbook kubesphere.multicluster.install does host and members.",
                )
            secret = config.jwt_secret
        self.session.redactor.add(secret)
        return secret

    def _when_idle(self, found: Installed, wait_timeout: float | None) -> Installed:
        """Wait until no run of the installer goes on; a change during a run can make it install everything again."""
        if self.session.planning:
            return found

        def evaluate(item: Object | None) -> Outcome[Installed]:
            if item is None:
                return Pending("ks-installer is re-creating the ClusterConfiguration")
            now = Installed(item)
            state = installed.installer_state(self.session, self.release, now)
            busy = now.run_outstanding or (bool(now.core) and not now.complete_once) or state.running
            if busy and not state.failure and not state.finished:
                reason = f"a run of ks-installer goes on ({state.doing})"
                hint = "Run this again when it has ended, or restart ks-installer if it hangs."
                return self._until_told(reason, hint, state) if state.running else Pending(reason, hint)
            return Done(now)

        return wait(
            self.session,
            _TARGET,
            evaluate,
            goal="ks-installer's run has ended",
            timeout=wait_timeout or _SHORT_WAIT,
            start=found.configuration,
            recheck=_SLOW_LOOK,
            progress=self.progress,
        )

    def _restart_installer(self, reason: str) -> None:
        """Start ks-installer anew; it begins with a whole run."""
        deployment = self.session.get(DEPLOYMENT, INSTALLER, NAMESPACE)
        restarted = rollout.restart(self.session, deployment, f"restart it: {reason}")
        target = Target(DEPLOYMENT, INSTALLER, NAMESPACE)
        rollout.wait_until_rolled_out(
            self.session, target, timeout=_SHORT_WAIT, start=restarted, progress=self.progress
        )

    # An upgrade

    def _is_upgrade(self, found: Installed) -> bool:
        if not found.release or found.release == self.release.tag:
            return False
        refusal = upgrade.refusal(found.release, self.release)
        if refusal:
            raise Refused(refusal[0], self.session.cluster, refusal[1])
        self._refuse_before_host()
        return True

    def _refuse_before_host(self) -> None:
        if self.host is None or self.wanted.cluster_role == "host" or self.session.planning:
            return
        host = installed.read(self.host)
        if host and host.release in releases.RELEASES:
            behind = releases.compare(releases.find(host.release), self.release) < 0
            if behind or not host.complete_once:
                raise Refused(
                    f"a member is not upgraded to {self.release.tag} before its host, which is at {host.release}",
                    self.session.cluster,
                    "Upgrade the host first.",
                )

    def _upgrade(self, found: Installed, wait_timeout: float | None) -> None:
        objects = manifests(self.wanted, self.wanted.jwt_secret)[0]
        deployment = self.session.find(DEPLOYMENT, INSTALLER, NAMESPACE)
        if deployment and _same_image(deployment, objects) and not self._changes(found):
            self._reconfigure(found, wait_timeout)  # begun by a run that was killed, or whose ks-installer failed
        else:
            self._replace_installer(found, deployment, objects, wait_timeout)
        if not self._end_is_marked:
            # Then the label alone tells the release; where a run writes core.version, it renews the label as well.
            label_patch = {"metadata": {"labels": {"version": self.release.tag}}}
            self.session.patch(found.configuration, label_patch, f"it is {self.release.tag} now")

    def _replace_installer(
        self, found: Installed, deployment: Object | None, objects: Sequence[Object], wait_timeout: float | None
    ) -> None:
        """With no installer running in between, the spec may be changed safely."""
        if deployment:  # else a run that was killed has removed it, and nobody installs what it has changed
            found = self._when_idle(found, wait_timeout)
        changes = self._changes(found)
        label = self.release.installer.label if self.release.installer else ""
        if deployment and (changes or deployment["spec"]["selector"]["matchLabels"].get("app") != label):
            why = "its selector cannot be changed" if not changes else "the ClusterConfiguration is changed without it"
            self.session.delete(deployment, f"upgrade from {found.release} to {self.release.tag}: {why}")
            self._wait_until_gone()
        if changes:
            retry_on_conflict(self._upgrade_spec, found, self._read_again)
        self._ensure_installer(objects)

    def _upgrade_spec(self, found: Installed) -> Object:
        changes = self._changes(found)
        self._refuse_broken(merge_patch(found.spec, changes))
        reason = f"upgrade to {self.release.tag}"
        return self.session.patch(found.configuration, self._change(found, changes), reason, guarded=True)

    def _wait_until_gone(self) -> None:
        if self.session.planning:
            return
        target = Target(DEPLOYMENT, INSTALLER, NAMESPACE)

        def evaluate(item: Object | None) -> Outcome[None]:
            return Done(None) if item is None else Pending("it is still there")

        wait(
            self.session,
            target,
            evaluate,
            goal="the former ks-installer is gone",
            timeout=_SHORT_WAIT,
            progress=self.progress,
        )

    # The end

    def _stands(self, found: Installed | None) -> bool:
        """Whether nothing had to be written, and the installation is finished."""
        if found is None or self.session.journal:
            return False
        return not installed.unfinished(self.session, self.release, found)

    def _await_end(self, timeout: float) -> bool:
        """Wait until the installation is finished; a plan goes no further than its writes."""
        if self.session.planning:
            return not self.session.journal
        wait(
            self.session,
            _TARGET,
            self._evaluate,
            goal=f"KubeSphere {self.release.tag} stands",
            timeout=timeout,
            recheck=_SLOW_LOOK,
            progress=self.progress,
        )
        return True

    def _evaluate(self, item: Object | None) -> Outcome[None]:
        if item is None and not self._managed:
            hint = "Run this for the slice of the inventory that has the host, and look at how that ended."
            return Pending("the run that installs KubeSphere here has not begun yet", hint, _OTHERS_LOOK)
        if item is None:
            return Pending("ks-installer is re-creating the ClusterConfiguration", "", _QUICK_LOOK)
        found = Installed(item)
        missing = installed.unfinished(self.session, self.release, found)
        # What stands may stem from a former run; a run that goes on, or has failed, is told by the log alone.
        state = installed.installer_state(self.session, self.release, found)
        if state.failure and not state.explained and self._may_be_explained():
            return Pending(f"ks-installer: {state.failure}; it has not said why yet", "", _QUICK_LOOK)
        if state.failure:
            self._note_failure(found, state.failure)
            raise InstallationFailed(f"ks-installer failed: {state.failure}", self.session.cluster)
        self._mark_awaited = self._mark_awaited or not found.core.get("version")
        ended = self._has_ended(state)
        if ended and not missing:
            return Done(None)
        reason = f"{missing or 'its run goes on'}; ks-installer: {state.doing}"
        hint = "Look at the log of the Deployment kubesphere-system/ks-installer, and run this again."
        if installed.unfinished_run(self.release, found):
            return Pending(reason, hint)  # the status will tell
        if state.running and not ended:
            return self._until_told(reason, hint, state)
        return Pending(reason, hint, self._next_look())

    def _has_ended(self, state: InstallerState) -> bool:
        """Whether a run is over that has left all of its status."""
        if not self._end_is_marked:
            return state.finished
        # A first run writes the mark last: who has seen it come need not wait for the log's last words.
        return self._mark_awaited or not state.running

    def _until_told(self, reason: str, hint: str, state: InstallerState) -> Pending:
        """Pending until the log tells of something, for no object does."""
        return Pending(reason, hint, listen=partial(installer_log.listen, self.session, state.pod))

    def _next_look(self) -> float:
        """Seconds until the next look once a run is over: what is missing then comes soon, or perhaps never."""
        now = time.monotonic()
        self._end_seen = self._end_seen or now
        return max(_QUICK_LOOK, min(_SLOW_LOOK, (now - self._end_seen) / 10))

    def _may_be_explained(self) -> bool:
        """Whether the cause of a failure may still come."""
        now = time.monotonic()
        self._failure_seen = self._failure_seen or now
        return now - self._failure_seen < _EXPLANATION

    def _note_failure(self, found: Installed, failure: str) -> None:
        """Leave word for the next call, for what stood before the failed run still stands."""
        note = {"metadata": {"annotations": {FAILED_RUN: self.session.redactor.text(failure)}}}
        if self._managed and found.complete_once and not found.failed_run:
            with contextlib.suppress(KubeError):
                self.session.patch(found.configuration, note)

    @property
    def _end_is_marked(self) -> bool:
        """Whether an object tells that a first run has come to its end; before v3.1.1 only the log does."""
        return bool(self.release.installer and self.release.installer.writes_core_version)

    # Refusals

    def _refuse_other_role(self, found: Installed) -> None:
        if found.cluster_role in ("none", self.wanted.cluster_role):
            return
        raise Refused(
            f"KubeSphere is installed here as {found.cluster_role} and cannot become {self.wanted.cluster_role}: "
            "ks-installer removes nothing of the former role",
            self.session.cluster,
            f"Put the cluster into the inventory's group for {found.cluster_role}s, or uninstall KubeSphere first.",
        )

    def _refuse_other_host_name(self, found: Installed) -> None:
        """KubeSphere reads the name once, when it makes the host's own Cluster."""
        wanted = self.wanted.host_cluster_name
        name = str(found.multicluster.get("hostClusterName") or DEFAULT_HOST_CLUSTER_NAME)
        if wanted and found.complete_once and found.cluster_role == "host" and name != wanted:
            raise Refused(
                f"the host's own Cluster is called {name} and cannot be renamed to {wanted}",
                self.session.cluster,
                f"Set kubesphere_host_cluster_name to {name}.",
            )

    def _refuse_broken(self, spec: Mapping[str, Any]) -> None:
        reasons = configuration.would_break_installer(self.release, spec)
        if reasons:
            raise Refused(
                f"ks-installer {self.release.tag} would end in a crash loop over this ClusterConfiguration: "
                f"{'; '.join(reasons)}",
                self.session.cluster,
                "Mend these fields of kubesphere_configuration.",
            )


_TARGET = Target(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE)


def _same_image(deployment: Object, objects: Sequence[Object]) -> bool:
    """Whether a Deployment of ks-installer has the image of that among some objects."""
    named = (DEPLOYMENT.kind, INSTALLER)
    return any(
        _images(item) == _images(deployment) for item in objects if (item["kind"], item["metadata"]["name"]) == named
    )


def _images(deployment: Object) -> list[str]:
    return [str(each.get("image")) for each in deployment["spec"]["template"]["spec"]["containers"]]


def _values(release: Release, wanted: Wanted) -> dict[str, Any]:
    """The user's values, the registry's included."""
    registry = installer.registry_values(release, registry=wanted.registry, image_namespace=wanted.image_namespace)
    return merge(registry, wanted.configuration)


def _manifest_values(wanted: Wanted) -> dict[str, Any]:
    """What a user's own ClusterConfiguration says; its role and its secret are said elsewhere."""
    own = installer.split_manifest(wanted.manifest)[1] if wanted.manifest is not None else None
    elsewhere = {"multicluster": {"clusterRole": None}, "authentication": {"jwtSecret": None}}
    return dict(merge_patch(own["spec"], elsewhere)) if own else {}


def _with_given_secret(wanted: Wanted) -> Wanted:
    """A jwtSecret among the user's values is a given one, not one that contradicts what would be found or made up."""
    authentication = wanted.configuration.get("authentication")
    given = authentication.get("jwtSecret") if isinstance(authentication, Mapping) else None
    if wanted.jwt_secret or not isinstance(given, str) or not given:
        return wanted
    return replace(wanted, jwt_secret=Secret(given))


def _revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret else None
