# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object has to look like for the collection to read it (private to the collection).

An API server keeps to its schema; what answers in its place, a proxy on the way or somebody who means harm, need not.
So an answer is looked at once, when it comes, and not wherever it is read.

A shape is a type; a list of one shape; or a mapping of fields to shapes, in which a field with an exclamation mark has
to be there. Fields that are not named may be anything, and null is as good as absent. ``{ANY: shape}`` takes any field.
"""

from __future__ import annotations

from typing import Any

Shape = Any

ANY = "*"

_WORDS = {str: "a text", int: "a number", bool: "true or false", dict: "a mapping", list: "a list"}

TEXTS = {ANY: str}
CONDITIONS = [{"type!": str, **dict.fromkeys(("status", "reason", "message", "lastUpdateTime"), str)}]

OBJECT = {
    "metadata!": {
        **dict.fromkeys(("name!", "uid!", "resourceVersion!"), str),
        **dict.fromkeys(("namespace", "creationTimestamp", "deletionTimestamp"), str),
        **dict.fromkeys(("labels", "annotations"), TEXTS),
        "generation": int,
        "finalizers": [str],
        "ownerReferences": [{"uid": str, "kind": str, "name": str}],
        "managedFields": [{"manager": str, "fieldsV1": dict}],
    },
    "spec": dict,
    "status": dict,
}
"""Every object."""

LIST = {"metadata": {"continue": str, "resourceVersion": str, "remainingItemCount": int}, "items": [dict]}
"""A page of a list."""

BOOKMARK = {"metadata!": {"resourceVersion!": str}}
"""How far a watch has come."""

_NAMED = {"name!": str}
_CONTAINER = {
    **_NAMED,
    "image": str,
    "command": [str],
    "args": [str],
    "env": [{**_NAMED, "value": str}],
}
_POD_SPEC = {
    "containers!": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "imagePullSecrets": [{"name": str}],
    "nodeSelector": TEXTS,
    "tolerations": [dict],
}
_SELECTOR = {"matchLabels": TEXTS, "matchExpressions": [{"key!": str, "operator!": str, "values": [str]}]}
_STATE = {key: {"reason": str, "message": str, "exitCode": int} for key in ("waiting", "terminated", "running")}
_CONTAINER_STATUS = {**_NAMED, "ready": bool, "restartCount": int, "state": _STATE, "lastState": _STATE}
_COUNTS = ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
_MORE_COUNTS = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "currentNumberScheduled")

WORKLOAD = {
    "spec!": {
        **dict.fromkeys(("replicas", "progressDeadlineSeconds", "minReadySeconds"), int),
        "selector!": _SELECTOR,
        "template!": {"metadata": {"labels": TEXTS, "annotations": TEXTS}, "spec!": _POD_SPEC},
        "updateStrategy": {"type": str, "rollingUpdate": {"partition": int}},
    },
    "status": {**dict.fromkeys((*_COUNTS, *_MORE_COUNTS), int), "conditions": CONDITIONS},
}
POD = {
    "spec!": _POD_SPEC,
    "status": {
        **dict.fromkeys(("phase", "startTime", "reason", "message"), str),
        **{key: [_CONTAINER_STATUS] for key in ("containerStatuses", "initContainerStatuses")},
        "conditions": CONDITIONS,
    },
}
SERVICE = {
    "spec!": {
        **dict.fromkeys(("type", "clusterIP", "externalTrafficPolicy"), str),
        "ports": [{"name": str, "port!": int, "nodePort": int, "protocol": str}],
        "selector": TEXTS,
        "externalIPs": [str],
    },
    "status": {"loadBalancer": {"ingress": [{"ip": str, "hostname": str}]}},
}
NODE = {"status": {"addresses": [{"type!": str, "address!": str}], "conditions": CONDITIONS}}
JOB = {"status": {"succeeded": int, "failed": int, "conditions": CONDITIONS}}
DATA = {"data": TEXTS, "type": str}
BINDING = {"subjects": [dict.fromkeys(("kind!", "name!", "namespace", "apiGroup"), str)]}
SIGNING_REQUEST = {"status": {"certificate": str, "conditions": CONDITIONS}}
EVENT = {**dict.fromkeys(("type", "reason", "message", "lastTimestamp", "eventTime"), str), "involvedObject": dict}


def misfit(value: Any, shape: Shape) -> str:
    """Where a value has not got its shape, in words; empty if it has."""
    wrong = _wrong(value, shape)
    return f"it{wrong}" if wrong.startswith(" ") else wrong.removeprefix(".")


def _wrong(value: Any, shape: Shape) -> str:
    """What is wrong, after its place below the value: the place is put together on the way back, where it is needed."""
    if shape is str and isinstance(value, str):  # most are
        return ""
    kind = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return f" is {_word(value)}, not {_WORDS[kind]}"
    content: Any = value
    if isinstance(shape, list):
        for index, item in enumerate(content):
            if wrong := _wrong(item, shape[0]):
                return f"[{index}]{wrong}"
    elif isinstance(shape, dict) and ANY in shape:
        for key, item in content.items():
            if item is not None and (wrong := _wrong(item, shape[ANY])):
                return f".{key}{wrong}"
    elif isinstance(shape, dict):
        for field, below in shape.items():
            key = field.rstrip("!")
            item = content.get(key)
            if (item is not None or key != field) and (wrong := _wrong(item, below)):
                return f".{key}{wrong}"
    return ""


def _word(value: Any) -> str:
    if value is None:
        return "absent"
    return _WORDS.get(type(value), "something else")
