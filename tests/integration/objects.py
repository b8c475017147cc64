"""Everything that stands in a cluster: the objects of all kinds, so that before and after can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import Object
from tests.sandbox.standin import settings

Objects = dict[str, Any]
"""What is essential of each object, by its path."""

# What a cluster writes by itself all the time, or serves only as another view of something.
_LEFT_OUT = {"leases", "events", "componentstatuses", "bindings"}
# Kept by the API server and its controllers: when and how often something was written, not what.
_BOOKKEEPING = {"managedFields", "resourceVersion", "generation", "selfLink"}


def all_objects(cluster: Cluster) -> Objects:
    """What stands in a cluster now: names, UIDs and content, without status and secrets."""
    found = {}
    for collection in _collections(cluster):
        for item in cluster.api.get(collection)["items"]:
            metadata = item["metadata"]
            path = f"{collection}/{metadata.get('namespace', '')}/{metadata['name']}"
            found[path] = _essential(item)
    return found


def difference(before: Objects, after: Objects) -> list[str]:
    """What is there that was not, is gone, or differs, in words; empty if nothing."""
    gone = [f"gone: {path}" for path in sorted(before.keys() - after.keys())]
    new = [f"new: {path}" for path in sorted(after.keys() - before.keys())]
    changed = [
        f"changed: {path}: {json.dumps(before[path], sort_keys=True)} -> {json.dumps(after[path], sort_keys=True)}"
        for path in sorted(before.keys() & after.keys())
        if before[path] != after[path]
    ]
    return gone + new + changed


def _collections(cluster: Cluster) -> Iterator[str]:
    """Paths of everything that can be listed, each kind in the version that the API server prefers."""
    groups = cluster.api.get("/apis")["groups"]
    for base in ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]:
        for resource in cluster.api.get(base)["resources"]:
            name = resource["name"]
            if "list" in resource["verbs"] and "/" not in name and name not in _LEFT_OUT:
                yield f"{base}/{name}"


def _essential(item: Object) -> Object:
    content = {key: value for key, value in item.items() if key not in ("status", "metadata", "apiVersion", "kind")}
    metadata = {key: value for key, value in item["metadata"].items() if key not in _BOOKKEEPING}
    if metadata["name"] == "kubesphere-config":
        # KubeSphere writes it anew, in an order of its own, when it notes the name of a cluster there.
        text = settings.remarshal(content["data"]["kubesphere.yaml"], "any")
        named = "clusterName" in (yaml.safe_load(content["data"]["kubesphere.yaml"]).get("multicluster") or {})
        content["data"] = {"kubesphere.yaml": text, "named": named}
    if "data" in content:
        content["data"] = hashlib.sha256(json.dumps(content["data"], sort_keys=True).encode()).hexdigest()
    if "subsets" in content:  # of Endpoints: which pod is behind, not when it was seen last
        content = {"subsets": len(content["subsets"] or [])}
    return {**content, "metadata": {key: value for key, value in metadata.items() if value not in ({}, [])}}
