# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose credential KubeSphere uses a direct member with: a given one, or one of ours (private to the collection)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from ..kube import kubeconfig
from ..kube.session import Session
from . import credentials, minted, trial
from .credentials import Kubeconfig
from .refusals import Refused
from .releases import Release

KINDS = ("given", "auto", *minted.KINDS)

_DAY = 86400.0

ReleaseOf = Callable[[], Release]
"""Looks which release the host has; it is asked only where that matters."""


@dataclass(frozen=True)
class CredentialOptions:
    """What a user says of the credential that KubeSphere gets.

    Attributes:
        kind: one of ``KINDS``; ``auto`` is the given one where KubeSphere can use it.
        days: how long one that is minted should hold.
        renew_before_days: when one is renewed, in days before its end.
        renew: whether one is renewed now in any case.
    """

    kind: str = "given"
    days: int = 365
    renew_before_days: int = 30
    renew: bool = False


class Given:
    """The user's own: used as it is."""

    kind = "given"
    reason = "the inventory says so"
    has_former = False

    def __init__(self, member: Session, given: Kubeconfig, options: CredentialOptions, release: ReleaseOf) -> None:
        self.member = member
        self.config = self.question = given
        self.options = options
        self.release = release

    def problems(self) -> list[str]:
        """Why KubeSphere could not use it."""
        return problems(self.config, self.kind, self.release())

    def replaces(self, stored: Kubeconfig) -> bool:
        """Whether it takes the place of what a Cluster has."""
        return not credentials.same(stored, self.config)

    def look(self, stored: Kubeconfig) -> list[str]:
        """Refuse what KubeSphere could not use, unless it does already.

        Returns:
            Warnings.
        """
        if self.replaces(stored):
            _refuse(self.member, self.problems())
        left = _days_left(self.config)
        if left is not None and left < self.options.renew_before_days:
            days = round(left)
            when = f"expires in {days} day{'' if days == 1 else 's'}" if left >= 0 else "has expired"
            return [
                f"{self.member.cluster}: its kubeconfig {when}, and was given: give a new one, or let one be made "
                "(kubesphere_credential)."
            ]
        if self.options.renew:
            return [f"{self.member.cluster}: its kubeconfig was given, so there is nothing to renew but by a new one."]
        return []

    def prepare(self, stored: Kubeconfig, uid: str) -> list[str]:
        """Try it before it takes the place of one that works."""
        if stored and self.replaces(stored):
            trial.check(self.member, self.config, uid)
        return []

    def discard(self, stored: Kubeconfig) -> None:
        """Nothing was made."""

    def clear(self, stored: Kubeconfig) -> None:
        """Nothing of ours is to be kept."""


class Minted:
    """One of ours: made where there is none that will do, and renewed."""

    def __init__(
        self,
        host: Session,
        member: Session,
        given: Kubeconfig,
        kind: str,
        options: CredentialOptions,
        release: ReleaseOf,
    ) -> None:
        self.host = host
        self.member = member
        self.given = given
        self.kind = kind
        self.options = options
        self.release = release
        self.config: Kubeconfig = {}
        self.reason = ""
        self._credential: minted.Credential | None = None
        self._beside = False

    @property
    def question(self) -> Kubeconfig:
        """A kubeconfig to ask with whether its server is reached: it has no credential yet, and needs none for that."""
        return {**self.given, "users": [{"name": self.given["users"][0]["name"], "user": {}}]}

    def problems(self) -> list[str]:
        """Why KubeSphere could not use one."""
        return problems(self.given, self.kind, self.release())

    def replaces(self, stored: Kubeconfig) -> bool:
        """Whether one that was made now takes the place of what a Cluster has."""
        return self._credential is not None and not credentials.same(stored, self.config)

    def look(self, stored: Kubeconfig) -> list[str]:
        """Decide whether one has to be made.

        Returns:
            Warnings.
        """
        self.config, self.reason = stored, self._why(stored)
        if self.reason:
            _refuse(self.member, self.problems())
        return []

    def prepare(self, stored: Kubeconfig, uid: str) -> list[str]:
        """Make one, and try it."""
        if not self.reason:
            return []
        options = self.options
        self.config, self._credential = minted.mint(
            self.member, self.kind, options.days, self.given, stored, self.reason
        )
        for session in (self.host, self.member):
            session.redactor.add(credentials.encode(self.config))
            for secret in credentials.secrets(self.config):
                session.redactor.add(secret)
        if self.member.planning:
            return []
        trial.check(self.member, self.config, uid, fresh=True)
        left = _days_left(self.config)
        if left is None or left > 0.9 * options.days:
            return []
        return [
            f"{self.member.cluster}: it issues a {self.kind} for {left:.1f} days at most, not for {options.days}: "
            f"renew it {'daily' if left >= 2 else 'several times a day'}, or set kubesphere_credential to another kind."
        ]

    def discard(self, stored: Kubeconfig) -> None:
        """Revoke what was made in vain, unless the Cluster has it."""
        if self._credential is not None and self._credential != minted.recognise(stored):
            minted.revoke(self.member, self._credential, "it is not used")

    def clear(self, stored: Kubeconfig) -> None:
        """Revoke every other one of ours than the Cluster has now."""
        keep = self._credential if self.member.planning and self._credential else minted.recognise(stored)
        if keep is not None:
            minted.clear(self.member, keep, "it has been replaced")

    @property
    def has_former(self) -> bool:
        """Whether there may be others of ours on the member."""
        return self._credential is not None or self._beside

    def _why(self, stored: Kubeconfig) -> str:
        """Why one has to be made; empty if the one that stands will do."""
        if not stored:
            return "a credential for KubeSphere"
        credential = minted.recognise(stored)
        if credential is None:
            return "a credential of its own takes the place of the given one"
        if credential.kind != self.kind:
            return f"its credential is to be a {self.kind}"
        if kubeconfig.load(stored).cluster != kubeconfig.load(self.given).cluster:
            return "its kubeconfig leads elsewhere"
        standing = minted.read(self.member)
        if not standing.holds(credential):
            return "its credential has been revoked"
        self._beside = standing.beside(credential)
        if self.options.renew:
            return "its credential is to be renewed"
        due = credentials.is_due(stored, self.options.renew_before_days, time.time())
        return "its credential is about to expire" if due else ""


Credential = Union[Given, Minted]
"""Both have the same attributes and methods."""


def choose(
    host: Session, member: Session, given: Kubeconfig, options: CredentialOptions, release: ReleaseOf
) -> Credential:
    """The credential that a user wants, `auto` decided.

    Args:
        host: the fleet's host.
        member: the member.
        given: the kubeconfig that was given for KubeSphere.
        options: what the user says.
        release: looks which release the host has.
    """
    kind = decided(given, options.kind, release()) if options.kind == "auto" else options.kind
    if kind == "given":
        return Given(member, given, options, release)
    return Minted(host, member, given, kind, options, release)


def decided(given: Kubeconfig, kind: str, release: Release) -> str:
    """The kind of credential, `auto` decided."""
    if kind != "auto":
        return kind
    if not credentials.credential_problems(given, release):
        return "given"
    return "token" if release.takes_tokens else "certificate"


def problems(given: Kubeconfig, kind: str, release: Release) -> list[str]:
    """Why KubeSphere could not use a credential of some kind with the address of a given kubeconfig."""
    kind = decided(given, kind, release)
    if kind == "given":
        return credentials.problems(given, release)
    found = credentials.server_problems(given)
    if kind != "certificate" and not release.takes_tokens:
        found.append(
            f"with a {kind}, a member of KubeSphere {release.tag} never becomes Ready: "
            "set kubesphere_credential to certificate or auto"
        )
    return found


def _refuse(member: Session, problems: list[str]) -> None:
    for problem in problems:
        raise Refused(f"KubeSphere cannot use its kubeconfig: {problem}", member.cluster)


def _days_left(config: Kubeconfig) -> float | None:
    end = credentials.expiry(config)
    return None if end is None else (end - time.time()) / _DAY
