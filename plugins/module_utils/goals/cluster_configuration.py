# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module cluster_configuration (private to the collection)."""

from __future__ import annotations

import re
from http.client import HTTPException
from typing import Any

from ..kube import documents, text_file
from ..kube.errors import KubeError
from ..kubesphere import installation
from ..kubesphere.releases import DEFAULT_RELEASE, RELEASES
from ..kubesphere.result import Result
from .authentication import AUTHENTICATION, CLUSTER_NAME, HOST_CLUSTER
from .goal import Context, Goal, Options, host_session, named, secret, session

_LARGEST = 16 * 1024 * 1024  # bytes of a manifest

INSTALLATION = {
    "release": {"type": "str", "default": DEFAULT_RELEASE, "choices": list(RELEASES)},
    "cluster_role": {"type": "str", "required": True, "choices": ["host", "member"]},
    "configuration": {"type": "dict", "default": {}},
    "jwt_secret": {"type": "str", "no_log": True},
    "host_cluster_name": {"type": "str"},
    "registry": {"type": "str"},
    "image_namespace": {"type": "str"},
    "pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "manifest": {"type": "str"},
}
"""What is to be installed; shared with the module manifests."""


def wanted(options: Options) -> installation.Wanted:
    """The installation that the options describe.

    Raises:
        KubeError: the manifest cannot be read.
    """
    manifest = options.get("manifest")
    return installation.Wanted(
        release=options["release"],
        cluster_role=options["cluster_role"],
        configuration=options["configuration"] or {},
        jwt_secret=secret(options.get("jwt_secret")),
        host_cluster_name=options.get("host_cluster_name") if options["cluster_role"] == "host" else None,
        registry=options.get("registry"),
        image_namespace=options.get("image_namespace"),
        pull_secrets=options.get("pull_secrets") or (),
        manifest=_manifest(manifest) if manifest else None,
    )


def run(options: Options, context: Context) -> Result:
    """Install KubeSphere in one cluster, or wait for the end of its installation."""
    target = wanted(options)
    timeout = float(options["wait_timeout"])
    cluster = session(options, named(options, context), context)
    if not options["apply"]:
        return installation.await_installed(
            cluster, target, managed=options["managed"], wait_timeout=timeout, progress=context.progress
        )
    host = host_session(options, context) if target.cluster_role == "member" else None
    return installation.install(
        cluster, target, host, wait_timeout=timeout if options["wait"] else None, progress=context.progress
    )


def _manifest(source: str) -> list[Any]:
    """The documents of a user's own manifest, from a file, a URL, or given as text."""
    text, origin = source, "the manifest given as text"
    if "\n" not in source:
        origin = f"manifest {_without_password(source)}"
        text = _download(source) if source.startswith(("http://", "https://")) else _file(source)
    return documents.load_all(text, origin)


def _file(path: str) -> str:
    try:
        return text_file.read(text_file.home(path), _LARGEST)
    except ValueError as error:
        raise KubeError(
            f"manifest {text_file.shown(path)} cannot be read: {error}", hint="Give the path of a readable file."
        ) from None


def _download(url: str) -> str:
    from ansible.module_utils.urls import open_url

    try:
        with open_url(url, timeout=30) as answer:
            content = answer.read(_LARGEST + 1)
            if len(content) > _LARGEST:
                raise ValueError(f"it is larger than {_LARGEST} bytes")
            if answer.length:  # what was announced and has not come
                raise ValueError("the answer is cut off")
            return str(content.decode("utf-8"))
    except (OSError, ValueError, HTTPException) as error:
        raise KubeError(
            f"manifest {_without_password(url)} cannot be fetched: {_without_password(str(error))}",
            hint="Give a URL that answers, or a file.",
        ) from None


def _without_password(text: str) -> str:
    """A text in which URLs do not show whom they log in as."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


GOAL = Goal(
    name="cluster_configuration",
    argument_spec={
        **AUTHENTICATION,
        **CLUSTER_NAME,
        **HOST_CLUSTER,
        **INSTALLATION,
        "apply": {"type": "bool", "default": True},
        "managed": {"type": "bool", "default": True},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 3600},
    },
    run=run,
)
