# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything else that a task or an inventory says: by module, as arguments."""

from __future__ import annotations

from typing import Any

from tests.unit.hostile.case import HARMLESS, Case
from tests.unit.hostile.kubeconfigs import ESCAPES, GOOD, OVERRIDE, with_
from tests.unit.hostile.world import ABSENT, JWT_SECRET, PASSWORD, TOKEN

_NO_URL = "is no URL"
_NAME = "cluster name"

_LOGIN = {
    "api_key": ABSENT,
    "username": "a",
    # KubeSphere gets another, for it takes no login.
    "member_kubeconfig": with_("clusters.0.cluster.server", "https://192.0.2.1:6443"),
}

CONNECTION = [
    Case("an empty kubeconfig", {"kubeconfig": ""}, "kubeconfig is empty"),
    Case("a list as the kubeconfig", {"kubeconfig": [GOOD]}, "a list"),
    Case("a number as the kubeconfig", {"kubeconfig": 7}, "a int"),
    Case("true as the kubeconfig", {"kubeconfig": True}, "a bool"),
    Case(
        "a kubeconfig in base64 where a path is meant", {"kubeconfig": "a3ViZWNvbmZpZw" + TOKEN * 40}, "cannot be read"
    ),
    Case("a token where a kubeconfig is meant", {"kubeconfig": "eyJhbGciOiJSUzI1NiJ9." + TOKEN * 20}, "cannot be read"),
    Case("a context that is not there", {"kubeconfig": GOOD, "context": "two"}, "has no context 'two'"),
    Case("a context with escapes", {"kubeconfig": GOOD, "context": ESCAPES}, r"x\x1b[2J"),
    Case("a mapping as the host", {"host": {"url": "x"}}, _NO_URL),
    Case("a host without a scheme", {"host": "192.0.2.1:6443"}, _NO_URL),
    Case("a host with a login", {"host": f"https://a:{PASSWORD}@192.0.2.1"}, _NO_URL),
    Case("a host with a query", {"host": f"https://192.0.2.1?{PASSWORD}"}, _NO_URL),
    Case("a host with a line end", {"host": "https://192.0.2.1\nX: y"}, _NO_URL),
    Case("a host that nobody serves", {"host": "http://127.0.0.1:1"}, "no answer"),
    Case("a host that no name server knows", {"host": "https://name.invalid"}, "no answer"),
    Case("a token with a line end", {"api_key": f"{TOKEN}\nX: y"}, "characters that no token has"),
    Case("a token beyond ASCII", {"api_key": f"{TOKEN}ü"}, "characters that no token has"),
    Case(
        "a password beyond Latin-1",
        {**_LOGIN, "password": f"{PASSWORD}→"},
        HARMLESS,
    ),
    Case(
        "a password with a line end",
        {**_LOGIN, "password": f"{PASSWORD}\r\nX: y"},
        HARMLESS,
    ),
    Case(
        "a password of half a surrogate pair",
        {"api_key": ABSENT, "username": "a", "password": f"{PASSWORD}\ud800"},
        "password",
    ),
    Case("a user name with a colon", {"api_key": ABSENT, "username": "a:b", "password": PASSWORD}, "colon"),
    Case("somebody to act as with a line end", {"impersonate_user": "a\r\nImpersonate-Group: b"}, "no header"),
    Case("somebody to act as in Chinese", {"impersonate_user": "管理员"}, "no header"),
    Case("a group to act as with a line end", {"impersonate_user": "a", "impersonate_groups": ["b\r\nc"]}, "no header"),
    Case("a group that is a mapping", {"impersonate_user": "a", "impersonate_groups": [{"b": 1}]}, HARMLESS),
    Case("a proxy by ftp", {"proxy": "ftp://192.0.2.9"}, "is no http URL"),
    Case("a proxy with a bad port and a password", {"proxy": f"http://a:{PASSWORD}@192.0.2.9:x"}, "is no http URL"),
    Case("a proxy with a line end", {"proxy": "http://192.0.2.9\r\nX: y"}, "is no http URL"),
    Case("a program's name with a line end", {"proxy_headers": {"user_agent": "a\r\nb"}}, "no header"),
    Case("headers for the proxy as a list", {"proxy_headers": ["a"]}, "proxy_headers"),
    Case("headers that nobody knows", {"proxy_headers": {"x": "y"}}, "x"),
    Case("a word as the timeout", {"request_timeout": "soon"}, "request_timeout"),
    Case("a negative timeout", {"request_timeout": -1}, "request_timeout"),
    Case("a client certificate without its key", {"client_cert": "/etc/passwd"}, "without client_key"),
    Case("a verification that is a word", {"validate_certs": "perhaps"}, "validate_certs"),
    Case("an option that does not exist", {"no_such_option": PASSWORD}, "no_such_option"),
]
"""For the module member: how the member is reached."""

HOSTS = [
    Case("a host that is a text", {"host_cluster": "host"}, "host_cluster"),
    Case("a host that is empty", {"host_cluster": {}}, "how to reach the host"),
    Case("a host whose kubeconfig is a list", {"host_cluster": {"kubeconfig": [1]}}, "a list"),
    Case("a host with an option that does not exist", {"host_cluster": {"colour": "red"}}, "colour"),
    Case(
        "a kubeconfig of the host for another cluster's context",
        {"host_cluster": {"kubeconfig": GOOD, "context": "x"}},
        "has no context",
    ),
]
"""For the module member: how the host is reached."""

NAMES = [
    Case("capitals", "East", _NAME),
    Case("an underscore", "ea_st", _NAME),
    Case("a dot", "ea.st", _NAME),
    Case("a blank", "ea st", _NAME),
    Case("a dash in front, as an option of a command", "-east", _NAME),
    Case("two dashes in front", "--kubeconfig=/etc/passwd", _NAME),
    Case("a dash at the end", "east-", _NAME),
    Case("a dash alone", "-", _NAME),
    Case("64 letters", "a" * 64, "at most 63"),
    Case("a hundred thousand letters", "a" * 100_000, "at most 63"),
    Case("a Cyrillic letter that looks like one of ours", "еast", _NAME),  # noqa: RUF001
    Case("full-width letters", "ｅａｓｔ", _NAME),  # noqa: RUF001
    Case("digits of another script", "east-٣", _NAME),
    Case("a letter of no width", "ea\u200bst", _NAME),
    Case("a turn of the direction", OVERRIDE, _NAME),
    Case("an emoji", "east-🚀", _NAME),
    Case("a path upwards", "../../etc", _NAME),
    Case("a slash", "a/b", _NAME),
    Case("an escaped slash", "a%2fb", _NAME),
    Case("a query", "a?force=true", _NAME),
    Case("a command of a shell", "$(touch x)", _NAME),
    Case("back quotes", "`id`", _NAME),
    Case("a semicolon", "a;id", _NAME),
    Case("a pipe", "a|id", _NAME),
    Case("a quote", "a'b", _NAME),
    Case("a line end", "a\nb", _NAME),
    Case("a line end at the end, which a pattern may overlook", "east\n", _NAME),
    Case("a NUL", "a\0b", _NAME),
    Case("escapes for a terminal", ESCAPES, _NAME),
    Case("a template", "{{ 7*7 }}", _NAME),
    Case("a statement of Jinja", "{% raw %}", _NAME),
    Case("half of a surrogate pair", "a\ud800", _NAME),
    Case("a list", ["a"], _NAME),
    Case("a mapping", {"a": "b"}, _NAME),
]
"""For the modules member and cluster_info: the name of the member's Cluster."""

ADDRESSES = [
    Case("no scheme", "192.0.2.1:8080", "it has no scheme"),
    Case("another scheme", "ws://192.0.2.1:8080", "its scheme is ws"),
    Case("a file", "file:///etc/passwd", "its scheme is file"),
    Case("no host", "http://", "it has no host"),
    Case("a port alone", "http://:8080", "it has no host"),
    Case("port 0", "http://192.0.2.1:0", "is no port"),
    Case("a port beyond all", "http://192.0.2.1:65536", "is no port"),
    Case("a port of many digits", "http://192.0.2.1:" + "9" * 5000, "is no port"),
    Case("a negative port", "http://192.0.2.1:-8080", "is no port"),
    Case("a port in digits of another script", "http://192.0.2.1:٨٠", "is no port"),
    Case("a colon without a port", "http://192.0.2.1:", "no port after it"),
    Case("a login", f"http://admin:{PASSWORD}@192.0.2.1:8080", "it has a login"),
    Case("a path", "http://192.0.2.1:8080/tower", "it has a path or a query"),
    Case("a query with a token", f"http://192.0.2.1:8080?token={PASSWORD}", "it has a path or a query"),
    Case("a fragment", f"http://192.0.2.1:8080#{PASSWORD}", "it has a path or a query"),
    Case("a backslash", "http://192.0.2.1\\@evil.test:80", "it has a path or a query"),
    Case("a blank", "http://192.0.2.1 :8080", "it has a blank"),
    Case("a line end and another flag", "http://192.0.2.1:8080\n--token=x", "it has a blank"),
    Case("a NUL", "http://192.0.2.1\0:8080", "it has a blank"),
    Case("escapes for a terminal", "http://" + ESCAPES, "it has a blank"),
    Case("the loopback", "http://127.0.0.1:8080", "is the loopback address"),
    Case("the loopback in another form", "http://[::ffff:127.0.0.1]:8080", "is the loopback address"),
    Case("the loopback by name", "http://localhost:8080", "is the loopback address"),
    Case("every address", "http://0.0.0.0:8080", "to listen on"),
    Case("many machines", "http://224.0.0.1:8080", "stands for many"),
    Case("an IPv6 address without brackets", "http://fd00::1:8080", "is not in brackets"),
    Case("an IPv6 address of one machine's interface", "http://[fe80::1%eth0]:8080", "names an interface"),
    Case("a bracket too many", "http://[[fd00::1]]:8080", "["),
    Case("an IPv4 address with a part too many", "http://192.0.2.1.5:8080", "is no valid IPv4 address"),
    Case("an IPv4 address as one number", "http://3221225985:8080", "is no valid IPv4 address"),
    Case("a name inside of the cluster", "http://tower.kubesphere-system.svc:8080", "inside of one cluster"),
    Case("a name with a label too long", f"http://{'a' * 64}.test:80", "neither an IP address nor a valid name"),
    Case("a name of five hundred letters", f"http://{'a.' * 250}test:80", "neither an IP address nor a valid name"),
    Case("a look-alike letter", "http://аpple.test:80", "is not in ASCII"),  # noqa: RUF001
    Case("a template", "http://{{lookup('pipe','id')}}:80", "neither an IP address nor a valid name"),
    Case("a command of a shell", "http://$(id):80", "neither an IP address nor a valid name"),
]
"""For the modules proxy_address and cluster_configuration: the address that agents call."""

_LABEL = "label"
_ANNOTATION = "annotation"

MEMBERS = [
    Case("a label with a blank in its value", {"labels": {"a": "b c"}}, _LABEL),
    Case("a label with a blank in its key", {"labels": {"a b": "c"}}, _LABEL),
    Case("a label with two slashes", {"labels": {"a/b/c": "d"}}, _LABEL),
    Case("a label without a name after the slash", {"labels": {"a.test/": "d"}}, _LABEL),
    Case("a label with an empty key", {"labels": {"": "d"}}, _LABEL),
    Case("a label whose value is too long", {"labels": {"a": "b" * 64}}, _LABEL),
    Case("a label whose value is a mapping", {"labels": {"a": {"b": "c"}}}, _LABEL),
    Case("a label whose value is a list", {"labels": {"a": ["b"]}}, _LABEL),
    Case("a label whose value has a line end at its end", {"labels": {"a": "b\n"}}, _LABEL),
    Case("a label whose value is a template", {"labels": {"a": "{{ lookup('pipe', 'id') }}"}}, _LABEL),
    Case("labels as a list", {"labels": ["a"]}, "labels"),
    Case("a region of two words", {"region": "far east"}, _LABEL),
    Case("a group with escapes", {"group": ESCAPES}, _LABEL),
    Case("an annotation with a blank in its key", {"annotations": {"a b": "c"}}, _ANNOTATION),
    Case("an annotation whose value is a mapping", {"annotations": {"a": {"b": "c"}}}, _ANNOTATION),
    Case("an annotation of a megabyte", {"annotations": {"a": "b" * 1_000_000}}, _ANNOTATION),
    Case("an annotation that is a template", {"annotations": {"a.test/x": "{{ lookup('pipe', 'id') }}"}}, HARMLESS),
    Case("an annotation with escapes", {"annotations": {"a.test/x": ESCAPES}}, HARMLESS),
    Case("an alias that is a template", {"alias": "{{ lookup('pipe', 'id') }}{% raw %}"}, HARMLESS),
    Case("an alias of many lines, written backwards", {"alias": f"a\nb{OVERRIDE}"}, HARMLESS),
    Case("a description of half a surrogate pair", {"description": "a\ud800"}, HARMLESS),
    Case("a provider with commands of a shell", {"provider": "$(id);`id`"}, HARMLESS),
    Case("a connection that does not exist", {"connection": "pigeon"}, "pigeon"),
    Case("an address for KubeSphere by another scheme", {"api_server": "ftp://192.0.2.1"}, _NO_URL),
    Case("an address for KubeSphere with a login", {"api_server": f"https://a:{PASSWORD}@192.0.2.1"}, _NO_URL),
    Case("an address for KubeSphere with a line end", {"api_server": "https://192.0.2.1\nX: y"}, _NO_URL),
    Case(
        "an address of ks-apiserver by another scheme",
        {"kubesphere_api_endpoint": "file:///etc/passwd"},
        "kubesphere_api_endpoint",
    ),
    Case(
        "a plugin for KubeSphere, which would not run there",
        {"member_kubeconfig": with_("users.0.user", {"exec": {"command": "id"}})},
        "comes from a plugin",
    ),
    Case("a kubeconfig for KubeSphere that is a list", {"member_kubeconfig": [GOOD]}, "a list"),
    Case("a kubeconfig for KubeSphere that is a number", {"member_kubeconfig": 5}, "a int"),
    Case("a kubeconfig for KubeSphere that is empty", {"member_kubeconfig": ""}, "is empty"),
    Case("a wait of minus one second", {"wait": True, "wait_timeout": -1}, "wait_timeout"),
    Case("a wait that is a word", {"wait_timeout": "soon"}, "wait_timeout"),
    Case(
        "a manifest's path that is too long",
        {
            "agent_manifest_path": "/" + "a" * 5000,
            "connection": "agent",
            "reachable": False,
            "proxy_address": "http://192.0.2.9:8080",
        },
        "cannot be written",
    ),
    Case(
        "a manifest's path that is a device",
        {
            "agent_manifest_path": "/dev/null/x",
            "connection": "agent",
            "reachable": False,
            "proxy_address": "http://192.0.2.9:8080",
        },
        "cannot be written",
    ),
]
"""For the module member: what a user says of a member."""

_AGENT = "agent"

AGENTS = [
    Case("an image with a blank", {"image": "a b"}, "image"),
    Case("an image with a command", {"image": "x;id"}, "image"),
    Case("an image with escapes", {"image": ESCAPES}, "image"),
    Case("a negative number of agents", {"replicas": -1}, "replicas"),
    Case("no agent at all", {"replicas": 0}, "replicas"),
    Case("a word as the number of agents", {"replicas": "many"}, "replicas"),
    Case("a variable with a blank in its name", {"environment": {"A B": "c"}}, "environment"),
    Case("a variable with an equals sign in its name", {"environment": {"A=B": "c"}}, "environment"),
    Case("a variable that is a mapping", {"environment": {"A": {"secretKeyRef": PASSWORD}}}, "environment"),
    Case("an environment that is a list", {"environment": ["A=B"]}, "environment"),
    Case("a toleration that is a text", {"tolerations": ["all"]}, "tolerations"),
    Case("a toleration with a field that does not exist", {"tolerations": [{"colour": "red"}]}, "toleration"),
    Case("a node's label with a blank", {"node_selector": {"a": "b c"}}, _LABEL),
    Case("a node's label that is a mapping", {"node_selector": {"a": {"b": "c"}}}, _LABEL),
    Case("a setting that does not exist", {"privileged": True}, "privileged"),
]
"""For the module member: what a user says of the agent."""

_SPEC = "configuration"

CONFIGURATIONS = [
    Case("a text", {"configuration": "logging: {enabled: true}"}, _SPEC),
    Case("a list", {"configuration": [{"logging": {"enabled": True}}]}, _SPEC),
    Case("a section that is a text", {"configuration": {"common": "x"}}, "must be a mapping"),
    Case("a section that is null", {"configuration": {"monitoring": None}}, "must be a mapping"),
    Case(
        "a section that is a list",
        {"configuration": {"authentication": [{"jwtSecret": JWT_SECRET}]}},
        "must be a mapping",
    ),
    Case("a number as a key", {"configuration": {5: "x"}}, "the key is a number"),
    Case("true as a key", {"configuration": {"common": {True: "x"}}}, "the key is a boolean"),
    Case("null as a key", {"configuration": {None: "x"}}, "the key is null"),
    Case("a number that is none", {"configuration": {"a": float("nan")}}, "no form in JSON"),
    Case("a number without end", {"configuration": {"a": [float("inf")]}}, "no form in JSON"),
    Case("bytes", {"configuration": {"a": b"x"}}, "no form in JSON"),
    Case("a set", {"configuration": {"a": {"x"}}}, "no form in JSON"),
    Case("lists inside each other, a hundred of them", "DEEP", "inside each other"),
    Case(
        "a role of its own", {"configuration": {"multicluster": {"clusterRole": "member"}}}, "multicluster.clusterRole"
    ),
    Case(
        "a secret with commands of a shell",
        {"configuration": {"authentication": {"jwtSecret": f"{JWT_SECRET};id"}}},
        "ASCII letters and digits",
    ),
    Case(
        "a secret that is a number",
        {"configuration": {"authentication": {"jwtSecret": 12345678}}},
        "authentication.jwtSecret",
    ),
    Case(
        "two secrets that differ",
        {"configuration": {"authentication": {"jwtSecret": JWT_SECRET}}, "jwt_secret": PASSWORD},
        "authentication.jwtSecret",
    ),
    Case("a secret with a line end", {"jwt_secret": f"{JWT_SECRET}\n"}, "ASCII letters and digits"),
    Case("a secret with letters of another script", {"jwt_secret": f"{JWT_SECRET}é"}, "ASCII letters and digits"),
    Case("a secret with digits of another script", {"jwt_secret": f"{JWT_SECRET}٣"}, "ASCII letters and digits"),
    Case("a secret that is a mapping", {"jwt_secret": {"value": JWT_SECRET}}, "jwt"),
    Case("a secret that is a template", {"jwt_secret": "{{ lookup('pipe', 'id') }}"}, "ASCII letters and digits"),
    Case("a release that does not exist", {"release": "v9.9.9"}, "v9.9.9"),
    Case("a release without its v", {"release": "3.4.1"}, "3.4.1"),
    Case("a release with a path", {"release": "../../v3.4.1"}, "release"),
    Case("a role that does not exist", {"cluster_role": "king"}, "king"),
    Case("a name of the host with capitals", {"host_cluster_name": "Host"}, "host cluster name"),
    Case("a name of the host with a line end", {"host_cluster_name": "host\n"}, "host cluster name"),
    Case("a registry with a scheme", {"registry": "https://registry.test"}, "local_registry"),
    Case("a registry with a login", {"registry": f"a:{PASSWORD}@registry.test"}, "local_registry"),
    Case("a registry with a line end", {"registry": "registry.test\n"}, "local_registry"),
    Case("a registry with a command", {"registry": "$(id)"}, "local_registry"),
    Case("a prefix of images upwards", {"image_namespace": "../x"}, "namespace_override"),
    Case("a pull secret with a blank", {"pull_secrets": ["a b"]}, "pull secret"),
    Case("a pull secret that is a mapping", {"pull_secrets": [{"name": "a"}]}, "pull secret"),
    Case("a template in a value, which is passed on", {"configuration": {"x": "{{ lookup('pipe', 'id') }}"}}, HARMLESS),
    Case("keys with dots and quotes, which are passed on", {"configuration": {"a.b": {"'c'": 1}}}, HARMLESS),
]
"""For the module cluster_configuration."""

_DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ks-installer, namespace: kubesphere-system}\n"

_CONFIGURATION = (
    "apiVersion: installer.kubesphere.io/v1alpha1\nkind: ClusterConfiguration\n"
    "metadata: {{name: {}, namespace: kubesphere-system}}\n"
)

MANIFESTS = [
    Case("a file that is not there", "/nonexistent/manifest.yaml", "cannot be read"),
    Case("a folder", "/", "cannot be read"),
    Case("a device that never ends", "/dev/zero", "cannot be read"),
    Case("the home of nobody", "~nobody-of-this-name/x", "cannot be read"),
    Case("a path too long", "/" + "a" * 5000, "cannot be read"),
    Case("a URL with a password that nobody serves", f"http://a:{PASSWORD}@127.0.0.1:1/x", "cannot be fetched"),
    Case("a URL with a line end in its escapes", "http://127.0.0.1:1/%0d%0aX:y", "cannot be fetched"),
    Case("a URL with a port that is none", "http://127.0.0.1:port/x", "cannot be fetched"),
    Case("no YAML", "a: [\n", "is no YAML"),
    Case("a tag that would run a command", "!!python/object/apply:os.system [id]\n", "is no YAML"),
    Case("a text in place of an object", "just\ntext\n", "must be an object of Kubernetes"),
    Case("a list in place of an object", "- a\n- b\n", "must be an object of Kubernetes"),
    Case("an object without a kind", "apiVersion: v1\nmetadata: {name: x}\n", "has no kind"),
    Case(
        "an object whose name is a number",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: 5}\n",
        "has no metadata.name",
    ),
    Case(
        "an object whose namespace is a mapping",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: {}}\n---\n" + _DEPLOYMENT,
        "namespace",
    ),
    Case(
        "an object of a kind that nobody knows",
        _DEPLOYMENT + "---\napiVersion: x/v1\nkind: Y\nmetadata: {name: z}\n",
        "are not supported",
    ),
    Case("an object twice", _DEPLOYMENT + "---\n" + _DEPLOYMENT, "stands at"),
    Case("a List whose items are a text", "kind: List\nitems: abc\n", "must be a list"),
    Case("nothing that installs", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n", "holds neither"),
    Case(
        "a ClusterConfiguration without a spec",
        _CONFIGURATION.format("ks-installer"),
        "needs a mapping as its spec",
    ),
    Case(
        "a ClusterConfiguration of another name",
        _CONFIGURATION.format("x") + "spec: {}\n",
        "is not what ks-installer reads",
    ),
]
"""For the module cluster_configuration: a user's own manifest."""

OTHERS: list[tuple[str, Case]] = [
    ("rollout_restart", Case("no workloads", {"workloads": "x"}, "workloads")),
    (
        "rollout_restart",
        Case("a workload without a name", {"workloads": [{"kind": "Deployment"}]}, "one of the following"),
    ),
    ("rollout_restart", Case("a workload with an empty name", {"workloads": [{"name": ""}]}, "empty name")),
    ("rollout_restart", Case("a kind that cannot be restarted", {"workloads": [{"kind": "Pod", "name": "x"}]}, "Pod")),
    ("rollout_restart", Case("a name with a path", {"workloads": [{"name": "../../../secrets/x"}]}, "does not exist")),
    (
        "rollout_restart",
        Case("a reason whose time is a word", {"reasons": [{"text": "x", "since": "soon"}]}, "no time"),
    ),
    (
        "rollout_restart",
        Case(
            "a reason of the 31st of February", {"reasons": [{"text": "x", "since": "2026-02-31T00:00:00Z"}]}, "no time"
        ),
    ),
    (
        "rollout_restart",
        Case("a reason beyond all time", {"reasons": [{"text": "x", "since": "9999-12-31T23:59:59-23:59"}]}, "no time"),
    ),
    (
        "rollout_restart",
        Case(
            "a reason with a line end in its time",
            {"reasons": [{"text": "x", "since": "2026-01-01T00:00:00Z\n"}]},
            "no time",
        ),
    ),
    ("member_info", Case("names that are mappings", {"names": [{"a": 1}]}, "")),
    ("member_info", Case("a name with escapes", {"names": [ESCAPES]}, "")),
    ("agent_manifest", Case("a member that is not there", {"cluster_name": "../x"}, "x")),
    ("proxy_address", Case("a node port beyond all", {"node_port": 70000}, "node_port")),
    ("proxy_address", Case("a source that does not exist", {"source": "oracle"}, "oracle")),
    ("manifests", Case("a folder that is a device", {"path": "/dev/null"}, "cannot be written")),
    ("manifests", Case("a folder too long", {"path": "/" + "a" * 5000}, "cannot be written")),
    (
        "manifests",
        Case(
            "a name with a path, where a folder is named after it",
            {"path": "{folder}", "cluster_name": "../out"},
            "name",
        ),
    ),
    ("manifests", Case("a name that is a whole path", {"path": "{folder}", "cluster_name": "/etc/x"}, "name")),
    ("manifests", Case("a name with a NUL", {"path": "{folder}", "cluster_name": "a\0b"}, "name")),
]
"""For other modules; an empty expectation: whatever it says, nothing is written."""


def deep() -> dict[str, Any]:
    """Lists inside each other."""
    value: Any = 1
    for _dummy in range(100):
        value = [value]
    return {"a": value}
