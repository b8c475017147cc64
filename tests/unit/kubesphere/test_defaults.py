# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that what the collection renders means the same as what KubeSphere releases."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import (
    cluster_configuration,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.defaults import SPECS
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installer import installer_objects
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find

# SHA-256 of the canonical JSON (sorted keys, no blanks) of the documents in kubesphere/ks-installer at the tag:
# deploy/kubesphere-installer.yaml as a list, and deploy/cluster-configuration.yaml. They were taken from the originals,
# parsed as YAML. Exception: for v3.1.1, whose git tag has a development image and the label v3.1.0, with the image and
# the label of the released files.
ORIGINALS = {
    "v3.0.0": (
        "bd6f931c92341e5186a60b5d181badf2f522d1f16abaf5bebf49fccbbdab2ffb",
        "0aeedde69bb7def4a5f216fb626a72c3ce087a45f664e1cd66994f421c401468",
    ),
    "v3.1.0": (
        "60a1de92a13f78e640c4a8b7b233dbee85cc1218501dbef3e48679d07d0853e5",
        "933a6f490806af7cac8f997a680529c75bc389589fc655efe37f9c4ee8496fa0",
    ),
    "v3.1.1": (
        "ebce3c8c8306fe49d4be1e5df95484d2d20ea1abcd377693c831564c63f7ad06",
        "3e6b4843cdf42dd1709d043893ae950026b0d78ad7266162da53ca1332eacff2",
    ),
    "v3.2.0": (
        "c820219d7709a20e2788df3eb05d0392d6415f6d3ce4bd185053b0e3adce08a6",
        "4b56c4cd7952efa4ce2e0abf087492fde7dbf26b7d96f75cf77afed86fde9247",
    ),
    "v3.2.1": (
        "8a992b3b943cb6e7eabe4eeaac298c9b142c9981aabf2c25cbf613739fd747c6",
        "1aee57fae4695a9e2ee8113fc5aeaedbc36c0a4decf960921f768228688de2fd",
    ),
    "v3.3.0": (
        "277369cd50c35058395d3c81d0ba58ac28d8407986c3d331706480547de0bd46",
        "208d968e800a653c8705f55e6d24fd5852b0ebffb749d99daa0b1f96a83b2d55",
    ),
    "v3.3.1": (
        "9ddc26b07291edc2563af1218e363b81d19a91c0ec5c509a0ddb40aebe6ea408",
        "1213f4f0571c9e94a6cb00c95ab5671b713e30901af60bcf475d6a69a0b7df55",
    ),
    "v3.3.2": (
        "fc5fb73752fb191f1e54287a6e8d0e60f79a51a2c09ab2defe295216a5bb3b5e",
        "571e41223f66f15f2785b3af5dd796f10fa165935e3f348c6e0992ce15fbb2f2",
    ),
    "v3.4.0": (
        "58c0d4c468e5f8d215e74ac7c9768cdee4acebc854a07e8b9d6247b446ffb575",
        "a7a83e92eb1e6666990d66f3979549a394094915a740dd5ade7ae21bdeaf942c",
    ),
    "v3.4.1": (
        "2e99780088d8520e8cfc072a06fd3012ca3024d5be09ada7c3ddfb222113909f",
        "2b4c0ca43619f1a39ac4a4bfab9c30bc624e0e7147b6e1b7c2f743701f8027d8",
    ),
}


def canonical_digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def test_every_release_has_its_data() -> None:
    assert list(SPECS) == list(RELEASES) == list(ORIGINALS)


@pytest.mark.parametrize("tag", ORIGINALS)
def test_the_installer_means_the_same_as_released(tag: str) -> None:
    assert canonical_digest(installer_objects(find(tag))) == ORIGINALS[tag][0]


@pytest.mark.parametrize("tag", ORIGINALS)
def test_the_configuration_means_the_same_as_released(tag: str) -> None:
    assert canonical_digest(cluster_configuration(find(tag))) == ORIGINALS[tag][1]


def test_the_digest_notices_the_smallest_change() -> None:
    changed = cluster_configuration(find("v3.4.1"), values={"devops": {"jenkinsCpuLim": True}})
    assert canonical_digest(changed) != ORIGINALS["v3.4.1"][1]
