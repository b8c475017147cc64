# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ks-installer's objects."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import (
    ConfigurationError,
    cluster_configuration,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installer import (
    installer_image,
    installer_objects,
    registry_values,
    split_manifest,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find

NEWEST = find("v3.4.1")
KINDS = ["CustomResourceDefinition", "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment"]


def pod_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the pod's spec of the installer's Deployment."""
    pod: dict[str, Any] = objects[-1]["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("tag", RELEASES)
def test_the_order_is_that_of_the_file(tag: str) -> None:
    assert [item["kind"] for item in installer_objects(find(tag))] == KINDS


@pytest.mark.parametrize("tag", RELEASES)
def test_selector_and_labels_agree(tag: str) -> None:
    deployment = installer_objects(find(tag))[-1]
    app = "ks-install" if tag < "v3.3" else "ks-installer"
    assert deployment["metadata"]["labels"] == {"app": app}
    assert deployment["spec"]["selector"]["matchLabels"] == {"app": app}
    assert deployment["spec"]["template"]["metadata"]["labels"] == {"app": app}


@pytest.mark.parametrize(
    ("arguments", "image"),
    [
        ({}, "kubesphere/ks-installer:v3.4.1"),
        ({"registry": "r.example:5000"}, "r.example:5000/kubesphere/ks-installer:v3.4.1"),
        ({"registry": "r.example/mirror"}, "r.example/mirror/kubesphere/ks-installer:v3.4.1"),
        ({"image_namespace": "team"}, "team/ks-installer:v3.4.1"),
        ({"registry": "r.example", "image_namespace": "a/b"}, "r.example/a/b/ks-installer:v3.4.1"),
        ({"registry": "", "image_namespace": ""}, "kubesphere/ks-installer:v3.4.1"),
    ],
)
def test_where_the_image_comes_from(arguments: dict[str, str], image: str) -> None:
    assert installer_image(NEWEST, **arguments) == image
    assert pod_of(installer_objects(NEWEST, **arguments))["containers"][0]["image"] == image


def test_a_given_image_comes_before_all_else() -> None:
    objects = installer_objects(NEWEST, registry="r.example", image="x/y@sha256:00")
    assert pod_of(objects)["containers"][0]["image"] == "x/y@sha256:00"


def test_pull_secrets_stand_at_the_account_and_the_pod() -> None:
    objects = installer_objects(NEWEST, pull_secrets=["one", "two"])
    secrets = [{"name": "one"}, {"name": "two"}]
    assert objects[2]["imagePullSecrets"] == pod_of(objects)["imagePullSecrets"] == secrets


def test_nothing_is_shared_between_objects() -> None:
    objects = installer_objects(NEWEST, pull_secrets=["one"])
    untouched = copy.deepcopy(objects[-1])
    objects[2]["imagePullSecrets"][0]["name"] = objects[2]["metadata"]["name"] = "changed"
    assert objects[-1] == untouched
    assert installer_objects(NEWEST)[2]["metadata"]["name"] == "ks-installer"


def test_values_for_what_is_installed() -> None:
    assert registry_values(NEWEST) == {}
    assert registry_values(NEWEST, registry="r.example", image_namespace="team") == {
        "local_registry": "r.example",
        "namespace_override": "team",
    }


@pytest.mark.parametrize(
    ("tag", "arguments", "path"),
    [
        ("v3.4.1", {"registry": "https://r.example"}, "local_registry"),
        ("v3.4.1", {"registry": "r.example/"}, "local_registry"),
        ("v3.4.1", {"image_namespace": "Team"}, "namespace_override"),
        ("v3.0.0", {"image_namespace": "team"}, "namespace_override"),
    ],
)
def test_registries_that_cannot_work(tag: str, arguments: dict[str, str], path: str) -> None:
    for function in (registry_values, installer_objects):
        with pytest.raises(ConfigurationError) as error:
            function(find(tag), **arguments)
        assert error.value.path == path


class TestManifest:
    """A user's own manifest."""

    def test_both_files_in_one(self) -> None:
        objects, wanted = installer_objects(NEWEST), cluster_configuration(NEWEST)
        assert split_manifest([None, *objects, wanted, None]) == (objects, wanted)

    def test_each_file_alone(self) -> None:
        objects, wanted = installer_objects(NEWEST), cluster_configuration(NEWEST)
        assert split_manifest(objects) == (objects, None)
        assert split_manifest([wanted]) == ([], wanted)

    def test_a_list_counts_as_its_items(self) -> None:
        objects = installer_objects(NEWEST)
        assert split_manifest([{"apiVersion": "v1", "kind": "List", "items": objects}]) == (objects, None)

    @pytest.mark.parametrize(
        ("objects", "message"),
        [
            (
                [],
                "manifest: holds neither the ClusterConfiguration nor the Deployment kubesphere-system/ks-installer (0",
            ),
            (installer_objects(NEWEST)[:-1], "manifest: holds neither"),
            (["text"], "documents[0]: must be an object of Kubernetes, it is a str."),
            ([None, {"kind": "Secret"}], "documents[1]: the object of kind 'Secret' has no apiVersion."),
            (
                [{"apiVersion": "v1", "kind": "Secret"}],
                "documents[0]: the object of kind 'Secret' has no metadata.name.",
            ),
            ([{"apiVersion": "v1", "kind": "List", "items": 1}], "documents[0].items: must be a list, it is a int."),
            (
                [cluster_configuration(NEWEST), cluster_configuration(NEWEST)],
                "documents[1]: ClusterConfiguration kubesphere-system/ks-installer stands at documents[0] already",
            ),
            (
                [{**cluster_configuration(NEWEST), "metadata": {"name": "other"}}],
                "documents[0]: ClusterConfiguration other of installer.kubesphere.io/v1alpha1 is not what ks-installer",
            ),
            ([{**cluster_configuration(NEWEST), "spec": None}], "documents[0].spec: ClusterConfiguration"),
        ],
    )
    def test_manifests_that_install_nothing(self, objects: list[Any], message: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            split_manifest(objects)
        assert str(error.value).startswith(message)
