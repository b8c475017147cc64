"""The stand-ins' parts that need no cluster, against facts of KubeSphere's own code."""

from __future__ import annotations

import base64
import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.standin import apiserver, jwt, manifests, migration, settings
from tests.sandbox.standin.releases import Release
from tests.sandbox.standin.remote import KubeconfigError, Remote, RemoteError, RestConfig
from tests.sandbox.standin.workqueue import WorkQueue

IMAGES = {"kubectl": "kubesphere/kubectl:v1.22.0", "tower": "kubesphere/tower:v0.2.1"}
LATEST = Release.of("v3.4.1")
OLD = Release.of("v3.2.1")


def spec(role: str = "none", **more: Any) -> dict[str, Any]:
    return {
        "authentication": {"jwtSecret": "s3cret"},
        "common": {"core": {"console": {"enableMultiLogin": True}}, "es": {}},
        "multicluster": {"clusterRole": role},
        "terminal": {"timeout": 600},
        **more,
    }


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("v3.4.1", "v3.4.1"), ("release-3.1", "v3.1.1"), ("v3.3.0-patch.0", "v3.3.0")],
)
def test_release_of_an_image_tag(tag: str, expected: str) -> None:
    assert Release.of(tag).tag == expected


def test_unknown_tag_is_refused() -> None:
    with pytest.raises(ValueError, match="--release"):
        Release.of("v4.1.0")


def test_static_token_is_a_pure_function_of_the_secret() -> None:
    header, claims, _dummy = jwt.static_token("s3cret").split(".")
    assert base64.urlsafe_b64decode(header + "==") == b'{"alg":"HS256","typ":"JWT"}'
    expected = b'{"email":"admin@kubesphere.io","username":"admin","token_type":"static_token"}'
    assert base64.urlsafe_b64decode(claims + "==") == expected
    assert jwt.verify(jwt.static_token("s3cret"), "s3cret")["username"] == "admin"


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", jwt.static_token("other"), jwt.sign({"exp": 1}, "s3cret")])
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(jwt.InvalidToken):
        jwt.verify(token, "s3cret")


def test_host_settings() -> None:
    given = spec("host")
    given["multicluster"] |= {"proxyPublishAddress": "http://192.0.2.1:8080", "hostClusterName": "main"}
    document = settings.render(LATEST, given, "s3cret", IMAGES)
    assert '  jwtSecret: "s3cret"\n' in document
    assert yaml.safe_load(document)["multicluster"] == {
        "clusterRole": "host",
        "enable": True,
        "agentImage": "kubesphere/tower:v0.2.1",
        "proxyPublishService": "tower.kubesphere-system.svc",
        "proxyPublishAddress": "http://192.0.2.1:8080",
        "hostClusterName": "main",
    }


@pytest.mark.parametrize("tag", ["v3.0.0", "v3.1.1", "v3.2.1", "v3.3.2", "v3.4.1"])
def test_member_tokens_live_for_ever(tag: str) -> None:
    release = Release.of(tag)
    content = yaml.safe_load(settings.render(release, spec("member"), "s3cret", IMAGES))
    assert content["authentication"]["oauthOptions"]["accessTokenMaxAge"] == 0
    assert ("multicluster" in content) == (release.line >= (3, 3))


def test_user_options_override_a_member_of_3_1_only() -> None:
    given = spec("member", authentication={"jwtSecret": "", "oauthOptions": {"accessTokenMaxAge": "1h"}})
    ages = {}
    for tag in ("v3.1.1", "v3.2.1", "v3.4.1"):
        content = yaml.safe_load(settings.render(Release.of(tag), given, "s3cret", IMAGES))
        ages[tag] = content["authentication"]["oauthOptions"]["accessTokenMaxAge"]
    assert ages == {"v3.1.1": "1h", "v3.2.1": 0, "v3.4.1": 0}


def test_address_is_not_for_members() -> None:
    given = spec("member")
    given["multicluster"]["proxyPublishAddress"] = "http://192.0.2.1:8080"
    assert "192.0.2.1" not in settings.render(LATEST, given, "s3cret", IMAGES)


def test_role_is_needed_since_3_3() -> None:
    given = spec()
    given["multicluster"] = {}
    settings.render(OLD, given, "s3cret", IMAGES)
    with pytest.raises(settings.MissingValue, match="clusterRole"):
        settings.render(LATEST, given, "s3cret", IMAGES)


def test_second_writer_reorders_and_drops() -> None:
    document = settings.render(LATEST, spec("host"), "s3cret", IMAGES) + "unknown:\n  key: 1\n"
    written = settings.remarshal(document, "host")
    assert written is not None
    assert "jwtSecret: s3cret\n" in written
    assert "unknown" not in written
    assert list(yaml.safe_load(written)).index("monitoring") < list(yaml.safe_load(written)).index("authentication")
    assert yaml.safe_load(written)["multicluster"]["clusterName"] == "host"
    assert yaml.safe_load(written)["authentication"]["loginHistoryRetentionPeriod"] == "168h0m0s"
    assert settings.remarshal(written, "host") is None


@pytest.mark.parametrize(("duration", "expected"), [("2m", 120), ("1h30m", 5400), ("10s", 10), ("", 7), (None, 7)])
def test_durations(duration: str | None, expected: float) -> None:
    assert settings.seconds(duration, 7) == expected


OUTDATED = {
    "logging": {"enabled": True, "logsidecarReplicas": 2},
    "notification": {"enabled": True},
    "openpitrix": {"enabled": False},
    "networkpolicy": {"enabled": False},
    "kubeedge": {"enabled": False},
    "servicemesh": {"enabled": False},
    "events": {"enabled": False},
    "devops": {"enabled": True},
}


@pytest.mark.parametrize("section", OUTDATED)
def test_outdated_section_makes_the_object_anew(section: str) -> None:
    given = spec()
    given[section] = copy.deepcopy(OUTDATED[section])
    assert migration.migrate(LATEST, given, None)
    assert not migration.migrate(LATEST, given, None)


@pytest.mark.parametrize(
    ("tag", "status", "expected"),
    [
        ("v3.4.1", None, False),
        ("v3.4.1", {"core": {"status": "enabled", "version": "v3.4.1"}}, False),
        ("v3.4.1", {"core": {"status": "enabled", "version": "v3.4.0"}}, True),
        ("v3.4.1", {"core": {"status": "enabled"}}, True),
        ("v3.1.1", {"core": {"status": "enabled"}}, True),
        ("v3.1.0", {"core": {"status": "enabled"}}, False),
        ("v3.0.0", {"core": {"status": "enabled"}}, False),
    ],
)
def test_other_version_makes_the_object_anew(tag: str, status: dict[str, Any] | None, expected: bool) -> None:
    assert migration.migrate(Release.of(tag), spec(), status) is expected


def test_terminal_is_asked_for_since_3_3() -> None:
    given = spec()
    del given["terminal"]
    assert not migration.migrate(OLD, copy.deepcopy(given), None)
    assert migration.migrate(LATEST, given, None)
    assert given["terminal"] == {"timeout": 600}


def test_common_without_es_raises_in_3_4() -> None:
    given = spec()
    del given["common"]["es"]
    migration.migrate(Release.of("v3.3.2"), copy.deepcopy(given), None)
    with pytest.raises(KeyError, match="es"):
        migration.migrate(LATEST, given, None)


def test_stores_follow_the_status_not_the_wish() -> None:
    given = spec()
    given["common"] |= {"redis": {"enabled": True}, "redisVolumSize": "3Gi"}
    migration.migrate(LATEST, given, {"openldap": {"status": "enabled"}})
    assert given["common"]["redis"] == {"enabled": False, "volumeSize": "3Gi"}
    assert given["common"]["openldap"] == {"enabled": True}


def kubeconfig(user: Any = None, **cluster: Any) -> bytes:
    return json.dumps(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://192.0.2.1:6443", **cluster}}],
            "users": [{"name": "u", "user": user or {}}],
        }
    ).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no configuration has been provided"),
        (b"{}", "no configuration has been provided"),
        (b"a: [", "yaml: line 1: did not find expected node content"),
        (kubeconfig().replace(b'"current-context": "c"', b'"current-context": "d"'), "context: d"),
        (kubeconfig(server=""), "no server"),
        (kubeconfig(**{"certificate-authority-data": "?"}), "base64"),
        (kubeconfig({"client-certificate": "/nonexistent"}), "no such file"),
    ],
)
def test_unusable_kubeconfigs(content: bytes, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message):
        RestConfig.parse(content)


def test_plugin_is_missed_at_the_first_request() -> None:
    config = RestConfig.parse(kubeconfig({"exec": {"command": "aws"}}))
    with pytest.raises(RemoteError, match="exec: executable aws not found"):
        Remote(config).call("GET", "/version")


def test_given_definitions_take_empty_texts_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"type": "string"}
    item = {"type": "object", "properties": {"name": name, "kind": name}}
    schema = {
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": item, "x-kubernetes-list-map-keys": ["name"]},
            "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    definition = {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.org"},
        "spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]},
    }
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "things.yaml").write_text(json.dumps(definition))
    monkeypatch.setenv("KUBESPHERE_ASSETS", str(tmp_path))
    [found] = manifests.core_definitions(LATEST)
    properties = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    fields = properties["names"]["items"]["properties"]
    assert (fields["name"], fields["kind"]) == ({"type": "string"}, {"type": "string", "nullable": True})
    assert properties["port"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert properties["labels"]["additionalProperties"]["nullable"] is True
    (tmp_path / "release").write_text("v3.3.2")
    assert len(manifests.core_definitions(LATEST)) > 1


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/api/v1/nodes", 'nodes is forbidden: User "a" cannot list resource "nodes" in API group ""'),
        ("GET", "/api/v1/namespaces/n/pods/p", 'pods "p" is forbidden'),
        ("POST", "/kapis/cluster.kubesphere.io/v1alpha1/clusters/validation", "cannot create resource"),
        ("GET", "/kapis/foo", 'cannot GET path "/kapis/foo"'),
    ],
)
def test_refusals_name_verb_and_resource(method: str, path: str, said: str) -> None:
    answer = apiserver._forbidden("a", apiserver.Request(method, path, "", {}, b""))
    assert answer.status == 403
    assert said in json.loads(answer.body)["message"]


def test_provider_of_credentials_is_missing_when_a_client_is_made() -> None:
    config = RestConfig.parse(kubeconfig({"auth-provider": {"name": "gcp"}}))
    with pytest.raises(KubeconfigError, match='no Auth Provider found for name "gcp"'):
        Remote(config)


def test_refused_connection_in_the_words_of_go() -> None:
    with pytest.raises(RemoteError, match=r'Get "https://127\.0\.0\.1:1/version": dial tcp .*: connection refused'):
        Remote(RestConfig("https://127.0.0.1:1")).call("GET", "/version")


def test_queue_holds_a_name_once_and_hands_it_out_again_when_done() -> None:
    queue = WorkQueue()
    for _dummy in range(3):
        queue.add("a")
    assert queue.get(0) == "a"
    queue.add("a")
    assert queue.get(0) is None
    queue.done("a")
    assert queue.get(0) == "a"


def test_queue_waits_longer_after_each_failure() -> None:
    queue, delays = WorkQueue(), []
    for _dummy in range(4):
        started = time.monotonic()
        queue.add_rate_limited("a")
        assert queue.get(1) == "a"
        queue.done("a")
        delays.append(time.monotonic() - started)
    assert delays == sorted(delays)
    assert delays[-1] > 0.035
    assert queue.failures("a") == 4
    queue.forget("a")
    assert queue.failures("a") == 0
