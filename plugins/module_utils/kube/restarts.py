# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart several workloads, each once for all reasons together, and wait for them (private to the collection)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from . import rollout
from .errors import KubeError, NotFound, WaitTimeout
from .pods import pods_of
from .resources import Kind, Object
from .rollout import NotRestartable, RolloutFailed
from .session import Session, identity
from .wait import Progress, Target, silent

_UNDONE_WITHIN = 60.0  # seconds for which a former pod template is waited for once it was put back
_SKEW = timedelta(minutes=5)  # by which another clock may be ahead of the API server's


@dataclass(frozen=True)
class Selected:
    """Which workloads: one by its name, or all of a kind by their labels.

    Attributes:
        kind: Deployment, StatefulSet or DaemonSet.
        namespace: where.
        name: of the one; empty if they are told by their labels.
        label_selector: of the many, as kubectl takes it.
    """

    kind: Kind
    namespace: str
    name: str = ""
    label_selector: str = ""


@dataclass(frozen=True)
class Reason:
    """Why pods need to be started anew.

    Attributes:
        text: in words.
        since: pods that were started before that need it.
    """

    text: str
    since: datetime


@dataclass(frozen=True)
class Restart:
    """What became of one workload.

    Attributes:
        workload: as it stands at the end.
        restarted: whether it was restarted, or in a plan would be.
        why: why it was, or why not.
        awaited: whether its rollout is to be waited for.
    """

    workload: Object
    restarted: bool
    why: str
    awaited: bool

    @property
    def target(self) -> Target:
        """What a wait watches."""
        return Target(*identity(self.workload))

    @property
    def warning(self) -> str:
        """What the user should know of it; empty if nothing."""
        if not self.restarted:
            return ""
        title = rollout.title(self.workload)
        if rollout.on_delete(self.workload):
            return f"{title}: its update strategy is OnDelete, so its pods go on running until somebody deletes them"
        if kept := rollout.partition(self.workload):
            return f"{title}: its pods below the partition {kept} go on running with the former pod template"
        return ""


def restart_all(
    session: Session,
    selected: Iterable[Selected],
    reasons: Sequence[Reason] | None,
    *,
    wait_timeout: float | None,
    rollback: bool = False,
    progress: Progress = silent,
) -> list[Restart]:
    """Restart workloads where there is a reason; first all are written, then they are waited for side by side.

    With reasons, a workload is restarted if one of its pods is older than one of them, and it was not restarted since.
    A restart of that kind that is not through yet is waited for, not repeated.

    Args:
        session: where they are.
        selected: which.
        reasons: why; None restarts them in any case, and no reason at all restarts none.
        wait_timeout: seconds for all together; None does not wait.
        rollback: put the former pod template of those back that do not come up.
        progress: told of each new state.

    Returns:
        What became of each, in the order in which they were asked for.

    Raises:
        NotFound: there is none of that name, or with such labels.
        NotRestartable: one cannot be restarted; nothing was written.
        WaitTimeout, RolloutFailed: some do not come up; the message has their pods' words, and what was undone.
        KubeError: something could not be read or written.
    """
    found = _find(session, selected)
    _refuse_future(session, reasons or ())
    plan = [_decide(session, each, reasons) for each in found]
    _refuse(session, [each.workload for each in plan if each.restarted], waiting=wait_timeout is not None)
    latest = max((reason.since for reason in reasons or ()), default=None)
    begun = [
        replace(each, workload=rollout.restart(session, each.workload, f"restart it: {each.why}", not_before=latest))
        if each.restarted
        else each
        for each in plan
    ]
    if wait_timeout is None or session.planning:
        return begun
    ended = _wait(session, begun, wait_timeout, progress)
    failed = [(each, error) for each, error in zip(begun, ended) if isinstance(error, KubeError)]
    if failed:
        raise _failure(session, failed, rollback, progress)
    return [each if isinstance(now, KubeError) else replace(each, workload=now) for each, now in zip(begun, ended)]


def _find(session: Session, selected: Iterable[Selected]) -> list[Object]:
    """The workloads, each once."""
    found: dict[str, Object] = {}
    for each in selected:
        for workload in _one(session, each) if each.name else _labelled(session, each):
            found.setdefault(rollout.title(workload), workload)
    return list(found.values())


def _one(session: Session, selected: Selected) -> list[Object]:
    workload = session.find(selected.kind, selected.name, selected.namespace)
    if workload is None:
        title = selected.kind.title(selected.name, selected.namespace)
        hint = f"Look which there are: kubectl -n {selected.namespace} get {selected.kind.plural}."
        raise NotFound(f"{title} does not exist", session.cluster, hint)
    return [workload]


def _labelled(session: Session, selected: Selected) -> list[Object]:
    items = session.list(selected.kind, selected.namespace, label_selector=selected.label_selector).items
    if not items:
        raise NotFound(
            f"{selected.namespace} has no {selected.kind.kind} with the labels {selected.label_selector}",
            session.cluster,
            f"Look which there are: kubectl -n {selected.namespace} get {selected.kind.plural} --show-labels.",
        )
    # Items of a list do not say what they are.
    return [{"apiVersion": selected.kind.api_version, "kind": selected.kind.kind, **item} for item in items]


def _refuse_future(session: Session, reasons: Iterable[Reason]) -> None:
    now = rollout.parse_time(session.server_time) or datetime.now(timezone.utc)
    for reason in reasons:
        if reason.since > now + _SKEW:
            raise KubeError(
                f"the reason '{reason.text}' is of {rollout.written_time(reason.since)}, and the API server's clock "
                f"says {rollout.written_time(now)}",
                session.cluster,
                "Give the time at which something changed, and look whether the clocks are right.",
            )


def _refuse(session: Session, workloads: Iterable[Object], waiting: bool) -> None:
    """Refuse before anything is written."""
    for workload in workloads:
        if refused := rollout.refusal(workload):
            raise NotRestartable(f"{refused}. Nothing was written", session.cluster)
        if waiting and rollout.on_delete(workload):
            raise NotRestartable(
                f"{rollout.title(workload)} has the update strategy OnDelete, so a wait for its pods would be in vain: "
                "Kubernetes replaces one only when somebody deletes it. Nothing was written",
                session.cluster,
                "Set wait to false and delete its pods, or set its updateStrategy to RollingUpdate.",
            )


def _decide(session: Session, workload: Object, reasons: Sequence[Reason] | None) -> Restart:
    """Whether a workload is to be restarted."""
    if reasons is None:
        return Restart(workload, True, "asked for", True)
    if not reasons:
        return Restart(workload, False, "there is no reason", False)
    last = rollout.restarted_at(workload)
    moment = rollout.parse_time(last)
    open_reasons = [reason for reason in reasons if moment is None or reason.since > moment]
    if not open_reasons:
        return Restart(workload, False, f"it was restarted since, at {last}", bool(rollout.problem(workload)))
    oldest = _oldest_pod(session, workload)
    # Times of pods have no fractions: one of the very same second may have begun before.
    due = [reason for reason in open_reasons if oldest and reason.since >= oldest]
    if not due:
        why = f"its oldest pod is of {rollout.written_time(oldest)}" if oldest else "it has no pods"
        return Restart(workload, False, why, False)
    return Restart(workload, True, "; ".join(dict.fromkeys(reason.text for reason in due)), True)


def _oldest_pod(session: Session, workload: Object) -> datetime | None:
    times = (
        rollout.parse_time(str(pod["metadata"].get("creationTimestamp") or "")) for pod in pods_of(session, workload)
    )
    return min(filter(None, times), default=None)


def _wait(session: Session, begun: Sequence[Restart], timeout: float, progress: Progress) -> list[Object | KubeError]:
    """The workloads when they are rolled out, or why they are not."""

    def one(each: Restart) -> Object | KubeError:
        if not each.awaited:
            return each.workload
        try:
            return rollout.wait_until_rolled_out(
                session, each.target, timeout=timeout, progress=progress, start=each.workload
            )
        except KubeError as error:
            return error

    return _side_by_side(one, begun)


def _side_by_side(one: Callable[[Restart], Object | KubeError], begun: Sequence[Restart]) -> list[Object | KubeError]:
    if not begun:
        return []
    with ThreadPoolExecutor(len(begun)) as pool:  # as many as there are, or they would wait for each other
        return list(pool.map(one, begun))


def _failure(
    session: Session, failed: Sequence[tuple[Restart, KubeError]], rollback: bool, progress: Progress
) -> KubeError:
    """The error that tells of all that failed, and of what was undone."""
    undone = _undo(session, failed, progress) if rollback else [""] * len(failed)
    if len(failed) == 1 and not undone[0]:
        return failed[0][1]
    parts = [f"{error.message.rstrip('.')}{more}" for (_each, error), more in zip(failed, undone)]
    in_time = any(isinstance(error, WaitTimeout) for _each, error in failed)
    kind = WaitTimeout if in_time and not rollback else RolloutFailed
    return kind("; ".join(parts), session.cluster, failed[0][1].hint)


def _undo(session: Session, failed: Sequence[tuple[Restart, KubeError]], progress: Progress) -> list[str]:
    """Put back what can be, and say for each what came of it."""
    tries = [_put_back(session, each, error) for each, error in failed]
    back = [each for each in tries if isinstance(each, Restart)]
    states = iter(_wait(session, back, _UNDONE_WITHIN, progress))
    return [_undone(each, next(states)) if isinstance(each, Restart) else each for each in tries]


def _put_back(session: Session, restart: Restart, error: KubeError) -> Restart | str:
    """What is to be waited for, or why nothing is."""
    if not isinstance(error, (WaitTimeout, RolloutFailed)):
        return ""  # how it does is not known
    try:
        written = rollout.undo(session, restart.workload, "undo its restart: it did not come up")
    except KubeError as why:
        return f". It could not be undone: {why.message.rstrip('.')}"
    return replace(restart, workload=written, awaited=True)


def _undone(restart: Restart, state: Object | KubeError) -> str:
    if isinstance(state, KubeError):
        return f". Its former pod template was put back, but does not come up either: {state.message.rstrip('.')}"
    return f". It was undone: {rollout.title(restart.workload)} runs with its former pod template again"
