# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authentication options and their environment variables: those of kubernetes.core (private to the collection)."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import env_fallback


def _option(name: str, *aliases: str, **spec: Any) -> dict[str, Any]:
    """An option that may also come from ``K8S_AUTH_<NAME>``, by its name or one of its aliases."""
    variables = [f"K8S_AUTH_{each.upper()}" for each in (name, *aliases)]
    return {**spec, "aliases": list(aliases), "fallback": (env_fallback, variables)}


def _options() -> dict[str, Any]:
    return {
        "kubeconfig": _option("kubeconfig", type="raw", no_log=False),
        "context": _option("context", type="str"),
        "host": _option("host", type="str"),
        "api_key": _option("api_key", type="str", no_log=True),
        "username": _option("username", type="str"),
        "password": _option("password", type="str", no_log=True),
        "validate_certs": _option("validate_certs", "verify_ssl", type="bool"),
        "ca_cert": _option("ca_cert", "ssl_ca_cert", type="path"),
        "client_cert": _option("client_cert", "cert_file", type="path"),
        "client_key": _option("client_key", "key_file", type="path", no_log=False),
        "proxy": _option("proxy", type="str"),
        "no_proxy": _option("no_proxy", type="str"),
        "proxy_headers": {
            "type": "dict",
            "options": {
                "basic_auth": {"type": "str", "no_log": True},
                "proxy_basic_auth": {"type": "str", "no_log": True},
                "user_agent": {"type": "str"},
            },
        },
        "impersonate_user": _option("impersonate_user", type="str"),
        "impersonate_groups": _option("impersonate_groups", type="list", elements="str"),
        "request_timeout": {"type": "int", "default": 30},
    }


AUTHENTICATION = _options()
"""How the task's own cluster is reached."""

CLUSTER_NAME = {"cluster_name": {"type": "str"}}

GIVEN: dict[str, Any] = {
    name: {key: value for key, value in spec.items() if key != "fallback"} for name, spec in AUTHENTICATION.items()
}
"""The same, where the environment has no say, or has been asked already."""

HOST_CLUSTER = {
    "host_cluster": {
        "type": "dict",
        # The environment speaks of the task's own cluster, not of the host.
        "options": {"name": {"type": "str", "default": "host"}, **GIVEN},
    }
}
"""How the fleet's host is reached, in a task that concerns a member."""
