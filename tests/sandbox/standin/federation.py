"""Joining a cluster to the host's federation, and taking it out again.

Imitates kubesphere v3.4.1 pkg/controller/cluster/join.go joinClusterForNamespace and unjoin.go unjoinCluster.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.sandbox.kubeapi import ApiError, KubeApi, Object
from tests.sandbox.standin.releases import Release
from tests.sandbox.standin.remote import Remote, RemoteError, RestConfig
from tests.sandbox.standin.runtime import log, stopping

NAMESPACE = "kube-federation-system"
ACCOUNTS = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
MEMBERS = f"/apis/core.kubefed.io/v1beta1/namespaces/{NAMESPACE}/kubefedclusters"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
MANAGED_WORKSPACES = "/apis/tenant.kubesphere.io/v1alpha1/workspaces?labelSelector=kubefed.io%2Fmanaged%3Dtrue"
FEDERATED_WORKSPACES = "/apis/types.kubefed.io/v1beta1/federatedworkspaces"

TOKEN_POLL = 0.1  # the original asks every second
TOKEN_POLLS = 300


class JoinError(Exception):
    """The cluster cannot join; the text becomes the reason of the condition Federated.

    Attributes:
        conflict: somebody else wrote one of the objects meanwhile.
    """

    def __init__(self, message: str, conflict: bool = False) -> None:
        super().__init__(message)
        self.conflict = conflict


def join(
    host: KubeApi, member: Remote, config: RestConfig, name: str, labels: dict[str, str], release: Release
) -> None:
    """Let a cluster join; everything is done again each time and changes nothing where it is there.

    Raises:
        JoinError: with the words of the original.
    """
    try:
        account = f"{name}-kubesphere"
        # The preflight check: what it finds does not matter, but it is the first request that can fail.
        member.find(f"{ACCOUNTS}/{account}")
        _ensure_namespace(member)
        _ensure_account(member, account, release)
        _ensure_role(member, account)
        secret = _copy_token(host, member, account, name)
        _write_member(host, member, config, name, labels, secret, release)
    except RemoteError as error:
        raise JoinError(str(error), error.status == 409) from error
    except ApiError as error:
        raise JoinError(error.message, error.status == 409) from error


def unjoin(host: KubeApi, name: str) -> None:
    """Take a cluster out: the host's objects only, for the controller calls the original without a member's config.

    Raises:
        ApiError: the host's API server refused it.
    """
    found = host.find(f"{MEMBERS}/{name}")
    if found is None:
        return
    secret = (found["spec"].get("secretRef") or {}).get("name", f"{name}-secret")
    try:
        host.delete(f"{SECRETS}/{secret}")
    except ApiError as error:
        log(f"Failed to delete secret {secret!r} for unjoin cluster {name!r}: {error}")
    host.delete(f"{MEMBERS}/{name}")


def _ensure_namespace(member: Remote) -> None:
    if member.find(f"/api/v1/namespaces/{NAMESPACE}") is None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        _create(member, "/api/v1/namespaces", body)


def _ensure_account(member: Remote, account: str, release: Release) -> None:
    found = member.find(f"{ACCOUNTS}/{account}")
    if found is None:
        metadata = {"name": account, "namespace": NAMESPACE}
        found = member.call("POST", ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    if found.get("secrets") or not release.makes_token_secret:
        return
    secret = member.call(
        "POST",
        SECRETS,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "generateName": f"{account}-token-",
                "annotations": {"kubernetes.io/service-account.name": account},
            },
            "type": "kubernetes.io/service-account-token",
        },
    )
    # Where Kubernetes (before 1.24) makes a token itself, this conflicts, and the next attempt finds that one.
    member.call("PUT", f"{ACCOUNTS}/{account}", {**found, "secrets": [{"name": secret["metadata"]["name"]}]})


def _ensure_role(member: Remote, account: str) -> None:
    name = f"kubefed-controller-manager:{account}"
    group = "rbac.authorization.k8s.io"
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    subjects = [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    for collection, kind, content in (
        (ROLES, "ClusterRole", {"rules": [everything, {"nonResourceURLs": ["*"], "verbs": ["get"]}]}),
        (
            BINDINGS,
            "ClusterRoleBinding",
            {"roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name}, "subjects": subjects},
        ),
    ):
        found = member.find(f"{collection}/{name}")
        body = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name}, **content}
        if found is None:
            member.call("POST", collection, body)
        else:
            member.call("PUT", f"{collection}/{name}", {**found, **content})


def _copy_token(host: KubeApi, member: Remote, account: str, name: str) -> str:
    """Copy the account's token to the host.

    Unlike the original, which fails when Kubernetes has not filled the Secret in yet (and then tries again at the next
    resync), this waits: whether it does is a matter of milliseconds there.
    """
    token = _await_token(member, account)
    secret = f"{name}-secret"
    body: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret, "namespace": NAMESPACE},
        "data": {"token": token},
    }
    if host.find(f"{SECRETS}/{secret}") is None:
        host.create(SECRETS, body)
    else:
        host.update(f"{SECRETS}/{secret}", body)
    return secret


def _await_token(member: Remote, account: str) -> str:
    for _dummy in range(TOKEN_POLLS):
        found = member.find(f"{ACCOUNTS}/{account}") or {}
        for reference in found.get("secrets") or []:
            secret = member.find(f"{SECRETS}/{reference['name']}") or {}
            token = (secret.get("data") or {}).get("token")
            if secret.get("type") == "kubernetes.io/service-account-token" and token:
                return str(token)
        if stopping.wait(TOKEN_POLL):
            break
    raise JoinError("timed out waiting for the condition")


def _write_member(
    host: KubeApi,
    member: Remote,
    config: RestConfig,
    name: str,
    labels: dict[str, str],
    secret: str,
    release: Release,
) -> None:
    spec: dict[str, Any] = {"apiEndpoint": config.server, "secretRef": {"name": secret}}
    if config.ca:
        spec["caBundle"] = base64.b64encode(config.ca).decode()
    if config.insecure:
        spec["disabledTLSValidations"] = ["*"]
    found = host.find(f"{MEMBERS}/{name}")
    if found is not None:
        found["spec"] = spec
        found["metadata"]["labels"] = labels
        host.update(f"{MEMBERS}/{name}", found)
        return
    if release.checks_workspaces:
        _check_workspaces(host, member, name)
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    body = {"apiVersion": "core.kubefed.io/v1beta1", "kind": "KubeFedCluster", "metadata": metadata, "spec": spec}
    host.create(MEMBERS, body)


def _check_workspaces(host: KubeApi, member: Remote, name: str) -> None:
    """Imitates checkWorkspaces: a member that brings a workspace of the host's federation is refused."""
    for workspace in member.call("GET", MANAGED_WORKSPACES)["items"]:
        workspace_name = workspace["metadata"]["name"]
        federated = host.find(f"{FEDERATED_WORKSPACES}/{workspace_name}")
        if federated is None:
            continue
        clusters = ((federated.get("spec") or {}).get("placement") or {}).get("clusters")
        if clusters is not None and name not in [cluster["name"] for cluster in clusters]:
            raise JoinError(
                f"The workspace {workspace_name} is found in the target member cluster {name}, "
                "which is conflict with the workspace on host"
            )


def _create(member: Remote, collection: str, body: Object) -> None:
    try:
        member.call("POST", collection, body)
    except RemoteError as error:
        if error.status != 409:
            raise
