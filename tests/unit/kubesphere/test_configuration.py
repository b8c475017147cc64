# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the ClusterConfiguration."""

from __future__ import annotations

import copy
import datetime
import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge, merge_patch
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import configuration
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import (
    MISSING,
    ConfigurationError,
    Difference,
    cluster_configuration,
    default_spec,
    differences,
    would_be_recreated,
    would_break_installer,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find
from hypothesis import given
from hypothesis import strategies as st

NEWEST = find("v3.4.1")
SECRET = "0123456789abcdefABCDEF0123456789"

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
keys = st.text(alphabet="abc.", min_size=1, max_size=2)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
mappings = st.dictionaries(keys, documents, max_size=4)


class TestMerge:
    """Laying values over defaults."""

    def test_mappings_merge_and_all_else_is_replaced(self) -> None:
        defaults = {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}, "f": 1}
        values = {"a": {"c": [3]}, "d": 2, "f": {"g": None}, "h": None}
        assert merge(defaults, values) == {"a": {"b": 1, "c": [3]}, "d": 2, "f": {"g": None}, "h": None}

    @given(mappings, mappings)
    def test_it_is_idempotent_and_leaves_its_arguments_alone(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        before = copy.deepcopy((one, other))
        merged = merge(one, other)
        assert (one, other) == before
        assert merge(merged, other) == merged
        assert merge({}, one) == merge(one, {}) == merge(one, one) == one

    @given(mappings, mappings)
    def test_what_was_merged_stands(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert not differences(merge(one, other), other)

    def test_nothing_is_shared_with_the_arguments(self) -> None:
        defaults: dict[str, Any] = {"a": {"b": [{"c": 1}]}}
        values: dict[str, Any] = {"d": [{"e": 1}]}
        merged = merge(defaults, values)
        merged["a"]["b"][0]["c"] = merged["d"][0]["e"] = 2
        assert (defaults, values) == ({"a": {"b": [{"c": 1}]}}, {"d": [{"e": 1}]})


class TestMergePatch:
    """JSON merge patch."""

    # Test cases of RFC 7386, appendix A.
    @pytest.mark.parametrize(
        ("target", "patch", "result"),
        [
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
            (["a", "b"], ["c", "d"], ["c", "d"]),
            ({"a": "b"}, ["c"], ["c"]),
            ({"a": "foo"}, None, None),
            ({"a": "foo"}, "bar", "bar"),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ],
    )
    def test_examples(self, target: Any, patch: Any, result: Any) -> None:
        before = copy.deepcopy((target, patch))
        assert merge_patch(target, patch) == result
        assert (target, patch) == before

    @given(mappings, mappings)
    def test_it_is_idempotent(self, target: dict[str, Any], patch: dict[str, Any]) -> None:
        once = merge_patch(target, patch)
        assert merge_patch(once, patch) == once


class TestClusterConfiguration:
    """Putting the object together."""

    def test_identity(self) -> None:
        made = cluster_configuration(find("v3.1.1"))
        assert (made["apiVersion"], made["kind"]) == ("installer.kubesphere.io/v1alpha1", "ClusterConfiguration")
        assert made["metadata"] == {
            "name": "ks-installer",
            "namespace": "kubesphere-system",
            "labels": {"version": "v3.1.1"},
        }

    def test_values_lie_over_the_release_and_the_clusters_own_settings_over_both(self) -> None:
        values = {"monitoring": {"storageClass": "fast"}, "unknown": {"key": [1]}, "etcd": {"endpointIps": None}}
        spec = cluster_configuration(
            NEWEST, "host", SECRET, values, host_cluster_name="hub", proxy_address="http://192.0.2.1:30721"
        )["spec"]
        assert spec["monitoring"]["storageClass"] == "fast"
        assert spec["monitoring"]["node_exporter"] == {"port": 9100}
        assert spec["unknown"] == {"key": [1]}
        assert spec["etcd"]["endpointIps"] is None
        assert spec["authentication"]["jwtSecret"] == SECRET
        assert spec["multicluster"] == {
            "clusterRole": "host",
            "hostClusterName": "hub",
            "proxyPublishAddress": "http://192.0.2.1:30721",
        }

    def test_nothing_is_shared_between_two_objects(self) -> None:
        cluster_configuration(NEWEST)["spec"]["common"]["gpu"]["kinds"].clear()
        assert cluster_configuration(NEWEST)["spec"]["common"]["gpu"]["kinds"]

    def test_values_that_agree_with_the_clusters_settings_are_fine(self) -> None:
        values = {"multicluster": {"clusterRole": "member"}, "authentication": {"jwtSecret": SECRET}}
        assert cluster_configuration(NEWEST, "member", SECRET, values) == cluster_configuration(
            NEWEST, "member", SECRET
        )

    def test_another_base(self) -> None:
        base = {"common": {"es": {}}, "multicluster": {"clusterRole": "none"}}
        spec = cluster_configuration(NEWEST, "member", SECRET, base=base)["spec"]
        assert spec == {
            "common": {"es": {}},
            "multicluster": {"clusterRole": "member"},
            "authentication": {"jwtSecret": SECRET},
        }

    @pytest.mark.parametrize(
        ("values", "path", "part"),
        [
            ([], "", "must be a mapping, they are a list"),
            ("devops", "", "they are a string"),
            ({"devops": True}, "devops", "must be a mapping, it is a boolean"),
            ({"common": {"es": None}}, "common.es", "must be a mapping, it is null"),
            ({"monitoring": {"gpu": {"nvidia_dcgm_exporter": []}}}, "monitoring.gpu.nvidia_dcgm_exporter", "a list"),
            ({"a": {1: "b"}}, "a.1", "the key is a number"),
            ({"a": [{"b.c": datetime.date(2026, 1, 1)}]}, "a[0]['b.c']", "a date has no form in JSON"),
            ({"multicluster": {"clusterRole": "member"}}, "multicluster.clusterRole", "is 'member' here, but 'host'"),
            ({"authentication": {"jwtSecret": "a-b"}}, "authentication.jwtSecret", "letters and digits"),
            ({"authentication": {"jwtSecret": 12345}}, "authentication.jwtSecret", "put it in quotes"),
        ],
    )
    def test_values_that_cannot_stand(self, values: Any, path: str, part: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            cluster_configuration(NEWEST, "host", None, values)
        assert error.value.path == path
        assert str(error.value).startswith(f"{path}: " if path else "values of a ClusterConfiguration")
        assert part in str(error.value)

    def test_two_secrets_are_refused_and_not_shown(self) -> None:
        with pytest.raises(ConfigurationError, match=r"^authentication\.jwtSecret: ") as error:
            cluster_configuration(NEWEST, "host", SECRET, {"authentication": {"jwtSecret": "other"}})
        assert SECRET not in str(error.value)
        assert "other" not in str(error.value)

    @pytest.mark.parametrize(
        ("tag", "role", "settings", "path"),
        [
            ("v3.4.1", "boss", {}, "multicluster.clusterRole"),
            ("v3.4.1", "member", {"proxy_address": "http://192.0.2.1:80"}, "multicluster"),
            ("v3.4.1", "host", {"proxy_address": "192.0.2.1:80"}, "multicluster.proxyPublishAddress"),
            (
                "v3.4.1",
                "host",
                {"values": {"multicluster": {"proxyPublishAddress": "http://localhost"}}},
                "multicluster.proxyPublishAddress",
            ),
            ("v3.4.1", "host", {"host_cluster_name": "Hub"}, "multicluster.hostClusterName"),
            ("v3.1.1", "host", {"host_cluster_name": "hub"}, "multicluster.hostClusterName"),
        ],
    )
    def test_settings_that_cannot_stand(self, tag: str, role: str, settings: dict[str, Any], path: str) -> None:
        with pytest.raises(ConfigurationError) as error:
            cluster_configuration(find(tag), role, **settings)
        assert error.value.path == path

    def test_address_that_stands_or_is_a_members_is_not_looked_at(self) -> None:
        base = {"multicluster": {"proxyPublishAddress": "http://localhost"}}
        assert cluster_configuration(NEWEST, "host", SECRET, base=base)
        assert cluster_configuration(NEWEST, "member", values=base)
        assert cluster_configuration(NEWEST, "host", values={"multicluster": {"proxyPublishAddress": ""}})

    def test_the_fixed_name_of_old_hosts_is_not_written(self) -> None:
        spec = cluster_configuration(find("v3.1.1"), "host", host_cluster_name="host")["spec"]
        assert spec["multicluster"] == {"clusterRole": "host"}


def recreation(tag: str, patch: dict[str, Any], live: dict[str, Any] | None = None) -> list[str]:
    """Give the reasons to recreate a release's own spec with a merge patch applied."""
    return would_be_recreated(find(tag), live, merge_patch(default_spec(find(tag)), patch))


class TestRecreation:
    """What makes ks-installer wipe its configuration."""

    @pytest.mark.parametrize("tag", RELEASES)
    def test_what_a_release_ships_is_left_alone(self, tag: str) -> None:
        finished = {"status": {"core": {"status": "enabled", "version": tag}}}
        assert recreation(tag, {}) == recreation(tag, {}, finished) == []
        assert would_break_installer(find(tag), default_spec(find(tag))) == []

    @pytest.mark.parametrize(
        ("path", "patch", "first"),
        [
            ("notification", {"notification": {}}, "v3.1.0"),
            ("networkpolicy", {"networkpolicy": {"enabled": False}}, "v3.1.0"),
            ("openpitrix.store", {"openpitrix": {"store": None}}, "v3.1.0"),
            ("logging.logsidecarReplicas", {"logging": {"logsidecarReplicas": 2}}, "v3.1.1"),
            ("kubeedge", {"kubeedge": {"enabled": False}}, "v3.3.0"),
            ("terminal", {"terminal": None}, "v3.3.0"),
            ("servicemesh.istio", {"servicemesh": {"istio": None}}, "v3.3.0"),
            ("events.ruler", {"events": {"ruler": None}}, "v3.4.0"),
            ("devops.jenkinsCpuReq", {"devops": {"enabled": True, "jenkinsCpuReq": None}}, "v3.4.0"),
            ("devops.jenkinsCpuLim", {"devops": {"enabled": True, "jenkinsCpuLim": None}}, "v3.4.0"),
        ],
    )
    def test_triggers_by_release(self, path: str, patch: dict[str, Any], first: str) -> None:
        tags = list(RELEASES)
        triggered = [tag for tag in tags if any(f"spec.{path} " in reason for reason in recreation(tag, patch))]
        assert triggered == tags[tags.index(first) :]

    @pytest.mark.parametrize("patch", [{"openpitrix": None}, {"events": None}, {"devops": {"jenkinsCpuReq": None}}])
    def test_absences_that_do_not_matter(self, patch: dict[str, Any]) -> None:
        assert recreation("v3.4.1", patch) == []

    def test_a_run_that_has_not_ended(self) -> None:
        live = {"status": {"core": {"status": "enabled"}}}
        assert recreation("v3.4.1", {}, live) == [
            "status.core.version is missing: a run has not come to its end yet, or has failed"
        ]
        assert recreation("v3.1.0", {}, live) == []

    def test_an_upgrade(self) -> None:
        reasons = recreation("v3.4.1", {}, {"status": {"core": {"version": "v3.3.2"}}})
        assert reasons == ["status.core.version is v3.3.2, the installer is v3.4.1: this is an upgrade"]

    def test_a_status_without_core(self) -> None:
        assert recreation("v3.4.1", {}, {"status": {"clusterId": "x"}}) == []
        assert recreation("v3.4.1", {}, {"spec": {}}) == []

    @pytest.mark.parametrize(
        ("tag", "spec", "reasons"),
        [
            ("v3.4.1", {"common": {}}, ["spec.common.es is missing, it must exist"]),
            ("v3.4.1", {"common": None}, ["spec.common must be a mapping, it is null"]),
            ("v3.4.1", {}, []),
            ("v3.3.2", {"common": {}, "devops": None}, []),
            ("v3.3.2", {"logging": None}, ["spec.logging must be a mapping, it is null"]),
            ("v3.0.0", {"common": None}, []),
        ],
    )
    def test_specs_that_kill_the_installer(self, tag: str, spec: dict[str, Any], reasons: list[str]) -> None:
        assert would_break_installer(find(tag), spec) == reasons


class TestDifferences:
    """Comparing what stands with what is wanted."""

    def test_paths_and_values(self) -> None:
        live = {"a": {"b": 1, "x.y/z": [1], "extra": 1}, "c": True, "d": {"e": 1}}
        wanted = {"a": {"b": 2, "x.y/z": [1, 2]}, "c": 1, "d": "text", "f": {"g": 1}}
        assert differences(live, wanted) == [
            Difference("a.b", 1, 2),
            Difference("a['x.y/z']", [1], [1, 2]),
            Difference("c", True, 1),
            Difference("d", {"e": 1}, "text"),
            Difference("f", MISSING, {"g": 1}),
        ]

    def test_what_means_the_same(self) -> None:
        assert not differences({"a": 0.5, "b": 1, "more": 1}, {"a": 0.5, "b": 1.0, "c": None})
        assert differences({"a": 1}, {"a": None})
        assert differences({"a": "7"}, {"a": 7})
        assert differences({"a": [{"b": 1, "more": 1}]}, {"a": [{"b": 1}]})

    @given(mappings)
    def test_everything_means_the_same_as_itself(self, value: dict[str, Any]) -> None:
        assert differences(value, json.loads(json.dumps(value))) == []

    def test_missing_shows_as_such(self) -> None:
        assert repr(MISSING) == "(missing)"


class TestChecks:
    """Checks of single values."""

    @pytest.mark.parametrize("value", [SECRET, "a", "Z9"])
    def test_secrets_that_are_usable(self, value: str) -> None:
        assert configuration.check_jwt_secret(value) == []

    @pytest.mark.parametrize(
        ("value", "part"),
        [
            ("", "empty"),
            ("with blank", "ASCII letters and digits"),
            ("$(reboot)", "shell"),
            ("ümlaut", "ASCII"),
            ("abc\n", "ASCII"),
            (None, "it is null"),
            (1234, "in quotes"),
        ],
    )
    def test_secrets_that_are_not(self, value: Any, part: str) -> None:
        (problem,) = configuration.check_jwt_secret(value)
        assert part in problem
        assert not value or str(value) not in problem

    def test_advice(self) -> None:
        assert configuration.advise_jwt_secret(SECRET) == []
        assert "shorter than the 32 letters" in configuration.advise_jwt_secret("short")[0]

    @pytest.mark.parametrize("name", ["a", "member-1", "0", "a" * 63])
    def test_cluster_names(self, name: str) -> None:
        assert configuration.check_cluster_name(name) == []

    @pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "a\n", "a" * 64, 1, None])
    def test_names_that_no_cluster_can_have(self, name: Any) -> None:
        problems = configuration.check_cluster_name(name)
        assert len(problems) == 1
        assert problems[0].startswith("cluster name ")

    def test_names_of_agents_are_shorter(self) -> None:
        assert configuration.check_cluster_name("a" * 60, agent=True) == []
        assert "at most 60" in configuration.check_cluster_name("a" * 61, agent=True)[0]

    def test_host_cluster_names(self) -> None:
        assert configuration.check_host_cluster_name("hub.example-1") == []
        assert configuration.check_host_cluster_name("hub.") == [
            "host cluster name 'hub.' is not valid: use lower-case letters, digits, '-' and '.', "
            "and a letter or digit at both ends."
        ]
