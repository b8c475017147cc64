"""Which rights a client used, from audit logs; which of them a manifest grants, and which it grants in vain.

python -m tests.rights .sandbox/host.audit.log
python -m tests.rights .sandbox/host.audit.log --against docs/rbac/host.yml
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox import audit

USER_AGENT = "kubesphere.multicluster/"
"""How the collection calls itself. A proxy on the way, ks-apiserver for one, hands that on with rights of its own."""

_NAMED = {"get", "patch", "update", "delete", "escalate", "bind", "approve"}
"""Verbs whose requests name an object, as RBAC sees them; lists and watches may, by a field selector."""

_EVERYBODYS = {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}
"""What Kubernetes' own role system:basic-user grants to all."""


@dataclass(frozen=True, order=True)
class Right:
    """One right, as RBAC decides on it.

    Attributes:
        verb: ``get``, ``create`` and so on.
        group: API group; empty for the core.
        resource: with its subresource, ``services/proxy``.
        namespace: empty for what lives in none, and for all of them at once.
        name: of the object; empty where the request names none.
    """

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def covers(self, used: Right) -> bool:
        """Whether it grants what was used: without a namespace or a name, it does so for all."""
        same = (self.verb, self.group, self.resource) == (used.verb, used.group, used.resource)
        return same and self.namespace in ("", used.namespace) and self.name in ("", used.name)

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {kind}{where} {self.name}".rstrip()


def of_user(events: Iterable[audit.Event], name: str) -> list[audit.Event]:
    """The requests that were made with the rights of one user."""
    return [event for event in events if (event.get("user") or {}).get("username") == name]


def used(events: Iterable[audit.Event]) -> set[Right]:
    """The rights that requests took; those of everybody are left out."""
    return {right for event in events if (right := _right(event)) and right.resource not in _EVERYBODYS}


def denied(events: Iterable[audit.Event]) -> list[str]:
    """Requests that were forbidden."""
    return [
        f"{event['verb']} {event['requestURI']}"
        for event in events
        if (event.get("responseStatus") or {}).get("code") == 403
    ]


def granted(manifests: Iterable[Mapping[str, Any]]) -> list[Right]:
    """What roles grant where they are bound, one right for each verb, resource and name."""
    listed = list(manifests)
    roles = {_identity(item): item for item in listed if item["kind"] in ("Role", "ClusterRole")}
    found: set[Right] = set()
    for binding in listed:
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            namespace, reference = binding["metadata"].get("namespace", ""), binding["roleRef"]
            own = namespace if reference["kind"] == "Role" else ""
            found |= set(_rights(roles[reference["kind"], own, reference["name"]].get("rules") or [], namespace))
    return sorted(found)


def missing(given: Iterable[Right], asked: Iterable[Right]) -> list[Right]:
    """Rights that were used and are not granted."""
    listed = list(given)
    return sorted(right for right in asked if not any(each.covers(right) for each in listed))


def superfluous(given: Iterable[Right], asked: Iterable[Right]) -> list[Right]:
    """Rights that are granted and were not used."""
    listed = list(asked)
    return sorted(right for right in given if not any(map(right.covers, listed)))


def load(path: Path) -> list[dict[str, Any]]:
    """The objects of a manifest, one by one or as a List."""
    documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
    return [item for document in documents for item in document.get("items", [document])]


def _right(event: audit.Event) -> Right | None:
    reference = event.get("objectRef")
    if not reference:
        return None
    verb, resource = str(event["verb"]), audit.target(event)
    named = verb in _NAMED or "fieldSelector=metadata.name" in event["requestURI"] or "/" in resource
    return Right(
        verb,
        str(reference.get("apiGroup") or ""),
        resource,
        str(reference.get("namespace") or "") if resource != "namespaces" else "",
        str(reference.get("name") or "") if named else "",
    )


def _rights(rules: Iterable[Mapping[str, Any]], namespace: str) -> Iterator[Right]:
    for rule in rules:
        for verb in rule["verbs"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for name in rule.get("resourceNames") or [""]:
                        yield Right(verb, group, resource, namespace, name)


def _identity(item: Mapping[str, Any]) -> tuple[str, str, str]:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def main() -> int:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=Path, help="audit logs of API servers, as JSON lines")
    parser.add_argument("--user-agent", default=USER_AGENT, help="how the client's own name begins (%(default)s)")
    parser.add_argument("--user", help="count the requests of this user only, by the name that RBAC knows")
    parser.add_argument("--against", type=Path, help="a manifest with roles and their bindings")
    options = parser.parse_args()
    events = [event for log in options.logs for event in audit.select(audit.read(log), options.user_agent)]
    asked = sorted(used(of_user(events, options.user) if options.user else events))
    if options.against is None:
        print(*asked, sep="\n")
        return 0
    given = granted(load(options.against))
    lacking, vain = missing(given, asked), superfluous(given, asked)
    print(f"{len(asked)} rights used, {len(given)} granted")
    print(*(f"missing: {right}" for right in lacking), *(f"not used: {right}" for right in vain), sep="\n")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
