# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: as bytes in a file, as a mapping, and the files that they refer to."""

from __future__ import annotations

import base64
import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.hostile.case import HARMLESS, Case
from tests.unit.hostile.world import PASSWORD, TOKEN
from tests.unit.kube.server import self_signed

SERVER = "{server}"
"""Stands for the URL of a server that answers."""

GOOD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": SERVER}}],
    "users": [{"name": "u", "user": {"token": TOKEN}}],
    "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "one",
}

ESCAPES = "x\x1b[2J\x1b]0;gone\x07"
OVERRIDE = "x\u202eedoc"  # written from right to left from here on

_TEXT = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "{server}"}}]
users: [{name: u, user: {token: pLanted0Token7of2the9Play}}]
contexts: [{name: one, context: {cluster: c, user: u}}]
current-context: one
"""

_BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [
        f"{name}: &{name} [{', '.join(['*' + former] * 9)}]"
        for former, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
)
_MERGE_BOMB = "\n".join(
    ["a: &a {x: 1}"]
    + [
        f"{name}: &{name} {{<<: [{', '.join(['*' + former] * 9)}]}}"
        for former, name in zip("abcdefg", "bcdefgh", strict=True)
    ]
)


def with_(path: str, value: Any) -> dict[str, Any]:
    """A good kubeconfig with another value at a place such as ``users.0.user``."""
    changed = copy.deepcopy(GOOD)
    *above, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    inner: Any = changed
    for key in above:
        inner = inner[key]
    inner[last] = value
    return changed


def _user(**user: Any) -> dict[str, Any]:
    return with_("users.0.user", user)


def _server(server: Any) -> dict[str, Any]:
    return with_("clusters.0.cluster.server", server)


def _ca(**cluster: Any) -> dict[str, Any]:
    return with_("clusters.0.cluster", {"server": SERVER, **cluster})


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_NO_YAML = "is no YAML"
_ENTRIES = "is not a list of named entries"
_KIND = "should be"
_NO_SERVER_URL = "is no URL"

TEXTS = [
    Case("nothing at all", b"", "is empty"),
    Case("blanks alone", b"  \n\t\n", "is"),
    Case("a comment alone", b"# here was a kubeconfig\n", "is empty"),
    Case("a null", b"null\n", "is empty"),
    Case("a text", b"just a text\n", "is a str, not a mapping"),
    Case("a number", b"42\n", "is a int, not a mapping"),
    Case("a list", b"- apiVersion: v1\n", "is a list, not a mapping"),
    Case("a bare true", b"true\n", "is a bool, not a mapping"),
    Case("YAML that breaks off", b"clusters: [\n", _NO_YAML),
    Case("YAML with a tab as indentation", b"clusters:\n\t- name: c\n", _NO_YAML),
    Case("JSON that breaks off", b'{"clusters": [{"name": "c"\n', _NO_YAML),
    Case("two documents", (_TEXT + "---\n" + _TEXT).encode(), "has 2 documents"),
    Case("a NUL byte in the middle", _TEXT.replace("one", "o\0ne").encode(), _NO_YAML),
    Case("NUL bytes alone", b"\0" * 4096, _NO_YAML),
    Case(
        "an escape character outside of quotes",
        _TEXT.replace("current-context: one", "current-context: \x1b[2J").encode(),
        _NO_YAML,
    ),
    Case("UTF-16 with its mark", _TEXT.encode("utf-16"), "is no UTF-8 text"),
    Case("UTF-32 with its mark", _TEXT.encode("utf-32"), "is no UTF-8 text"),
    Case("Latin-1 with an umlaut", _TEXT.replace("name: one", "name: größe").encode("latin-1"), "is no UTF-8 text"),
    Case("an overlong form of UTF-8", b"a: \xc0\xaf\n" + _TEXT.encode(), "is no UTF-8 text"),
    Case("half of a surrogate pair, in bytes", b"a: \xed\xa0\x80\n" + _TEXT.encode(), "is no UTF-8 text"),
    Case("half of a surrogate pair, escaped", b'a: "\\ud800"\n' + _TEXT.encode(), _NO_YAML),
    Case("a mark of UTF-8 before it", b"\xef\xbb\xbf" + _TEXT.encode(), HARMLESS),
    Case("line ends of Windows", _TEXT.replace("\n", "\r\n").encode(), HARMLESS),
    Case("line ends of an old Macintosh", _TEXT.replace("\n", "\r").encode(), HARMLESS),
    Case("an ELF program", b"\x7fELF\x02\x01\x01" + bytes(range(256)), "is no UTF-8 text"),
    Case("a certificate in place of a kubeconfig", self_signed("x.test").certificate.encode(), "not a mapping"),
    Case("larger than any kubeconfig", b"#" * 2_000_000, "is larger than"),
    Case("brackets inside each other", b"[" * 100_000, "is nested more than"),
    Case("dashes inside each other", b"- " * 100_000, "is nested more than"),
    Case("braces inside each other", b'{"a":' * 100_000, "is nested more than"),
    Case("aliases of aliases of aliases", _BOMB.encode(), "has more than"),
    Case("merge keys of merge keys", _MERGE_BOMB.encode(), "has more than"),
    Case("an alias of itself", b"clusters: &a [*a]\n", "an alias inside what it stands for"),
    Case("a mapping that merges itself", b"&a\n<<: *a\nkind: Config\n", "an alias inside what it stands for"),
    Case("an alias of nothing", b"clusters: *nowhere\n", "an alias"),
    Case("a tag that would run a command", b"clusters: !!python/object/apply:os.system [id]\n", _NO_YAML),
    Case("a tag that would build an object", b"!!python/object:os.environ {}\n", _NO_YAML),
    Case("a tag of Ansible", b"clusters: !unsafe [x]\n", _NO_YAML),
    Case("a vault of Ansible", b"token: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", _NO_YAML),
    Case("a tag of nobody", b"!<tag:example.com,2026:x> {a: b}\n", _NO_YAML),
    Case("a boolean that is none", b"a: !!bool maybe\n", _NO_YAML),
    Case("an empty number", b'a: !!int ""\n', _NO_YAML),
    Case("a date that is none", b"a: !!timestamp soon\n", _NO_YAML),
    Case("a number of two million digits", b"a: " + b"9" * 900_000 + b"\n", "is"),
    Case(
        "a number to the base of sixty with many places", b"a: 1" + b":1" * 400_000 + b"\n" + _TEXT.encode(), HARMLESS
    ),
    Case(
        "binary data as the token",
        _TEXT.replace("token: pLanted0Token7of2the9Play", "token: !!binary cExhbnRlZA==").encode(),
        _NO_YAML,
    ),
    Case("a set as the clusters", b"clusters: !!set {c}\n" + _TEXT.encode(), _NO_YAML),
    Case("a mapping as a key", b"? {a: b}\n: c\n", _NO_YAML),
    Case(
        "a section twice, the last without anything",
        (_TEXT + "users: []\n").encode(),
        "names user 'u', which is not there",
    ),
    Case("many thousand contexts", ("contexts:\n" + "- {name: x}\n" * 15_000).encode(), "has no current-context"),
    Case(
        "templates of Ansible for values",
        _TEXT.replace("current-context: one", "current-context: \"{{ lookup('pipe', 'id') }}\"").encode(),
        "has no context",
    ),
    Case("a template without quotes", b"token: {{ token }}\n", _NO_YAML),
    Case("a statement of Jinja", b"{% for x in y %}\n" + _TEXT.encode(), _NO_YAML),
]
"""What a file may hold; the same is given as text, too."""

MAPPINGS = [
    Case("no contexts", {"current-context": "one"}, "has no context 'one'"),
    Case("no current context", with_("current-context", ""), "has no current-context"),
    Case("a list as the current context", with_("current-context", ["one"]), "has no context"),
    Case("a current context with escapes for a terminal", with_("current-context", ESCAPES), r"x\x1b[2J"),
    Case(
        "a context whose name has escapes",
        {**with_("contexts.0.name", ESCAPES), "current-context": "two"},
        "has no context 'two'",
    ),
    Case(
        "a context whose name is written backwards",
        {**with_("contexts.0.name", OVERRIDE), "current-context": "two"},
        "has no context 'two'",
    ),
    Case(
        "a context whose name has a line end",
        {**with_("contexts.0.name", "o\nfatal: all is well"), "current-context": "two"},
        "has no context 'two'",
    ),
    Case("a context with a number as its name", {**with_("contexts.0.name", 1), "current-context": 1}, HARMLESS),
    Case("contexts as a mapping", with_("contexts", {"one": {"cluster": "c"}}), _ENTRIES),
    Case("contexts as a number", with_("contexts", 7), _ENTRIES),
    Case("contexts as a text", with_("contexts", "one"), _ENTRIES),
    Case("a context that is a text", with_("contexts", ["one"]), _ENTRIES),
    Case("a context that is null", with_("contexts", [None]), _ENTRIES),
    Case("a context without a name", with_("contexts", [{"context": {"cluster": "c"}}]), _ENTRIES),
    Case("a context whose content is a text", with_("contexts.0.context", "c"), _ENTRIES),
    Case(
        "a context whose content is a list of pairs",
        with_("contexts.0.context", [["cluster", "c"], ["user", "u"]]),
        _ENTRIES,
    ),
    Case(
        "a context of a cluster that is not there",
        with_("contexts.0.context.cluster", "d"),
        "has no server address",
    ),
    Case("a context of a user that is not there", with_("contexts.0.context.user", "v"), "which is not there"),
    Case(
        "a context whose cluster is a mapping",
        with_("contexts.0.context.cluster", {"server": SERVER}),
        "has no server address",
    ),
    Case("clusters as a text", with_("clusters", "c"), _ENTRIES),
    Case("users as a mapping", with_("users", {"u": {"token": TOKEN}}), _ENTRIES),
    Case("a user whose content is its token", with_("users.0.user", TOKEN), _ENTRIES),
    Case("a user whose content is a list", with_("users.0.user", [TOKEN]), _ENTRIES),
    Case("a server that is a list", _server([SERVER]), _KIND),
    Case("a server that is a number", _server(6443), _KIND),
    Case("a server without a scheme", _server("192.0.2.1:6443"), _NO_SERVER_URL),
    Case("a server by ftp", _server("ftp://192.0.2.1"), _NO_SERVER_URL),
    Case("a server that is a file", _server("file:///etc/passwd"), _NO_SERVER_URL),
    Case("a server by javascript", _server("javascript:alert(1)"), _NO_SERVER_URL),
    Case("a server without a host", _server("https://"), _NO_SERVER_URL),
    Case("a server with a port beyond all", _server("https://192.0.2.1:99999"), _NO_SERVER_URL),
    Case("a server with port 0", _server("https://192.0.2.1:0"), _NO_SERVER_URL),
    Case("a server with a negative port", _server("https://192.0.2.1:-1"), _NO_SERVER_URL),
    Case("a server with a word as its port", _server("https://192.0.2.1:https"), _NO_SERVER_URL),
    Case("a server with a login", _server(f"https://admin:{PASSWORD}@192.0.2.1:6443"), _NO_SERVER_URL),
    Case("a server with a query", _server(f"https://192.0.2.1:6443?token={PASSWORD}"), _NO_SERVER_URL),
    Case("a server with a fragment", _server(f"https://192.0.2.1:6443#{PASSWORD}"), _NO_SERVER_URL),
    Case("a server with a line end inside", _server("https://192.0.2.1\r\nX-Evil: 1"), _NO_SERVER_URL),
    Case("a server with a blank", _server("https://192.0.2.1 :6443"), _NO_SERVER_URL),
    Case("a server with escapes for a terminal", _server("https://192.0.2.1/" + ESCAPES), _NO_SERVER_URL),
    Case("a server with a backslash", _server("https://192.0.2.1\\@evil.test"), _NO_SERVER_URL),
    Case("a server with an empty label", _server("https://a..b:6443"), _NO_SERVER_URL),
    Case("a server with a label too long", _server(f"https://{'a' * 64}.test"), _NO_SERVER_URL),
    Case("a server with a look-alike letter", _server("https://аpi.test:6443"), _NO_SERVER_URL),  # noqa: RUF001
    Case("a server with a bracket that is not closed", _server("https://[::1:6443"), _NO_SERVER_URL),
    Case("a server with an IPv6 address that is none", _server("https://[fe80:::1]:6443"), _NO_SERVER_URL),
    Case("a server as a template", _server("https://{{ lookup('pipe', 'id') }}"), _NO_SERVER_URL),
    Case("a token that is a number", _user(token=12345), _KIND),
    Case("a token that is a list", _user(token=[TOKEN]), _KIND),
    Case("a token that is a mapping", _user(token={"value": TOKEN}), _KIND),
    Case("a token that is true", _user(token=True), _KIND),
    Case("a token with a line end inside", _user(token=f"{TOKEN}\r\nX-Evil: 1"), "characters that no token has"),
    Case("a token with a NUL", _user(token=f"{TOKEN}\0"), "characters that no token has"),
    Case("a token with escapes", _user(token=TOKEN + ESCAPES), "characters that no token has"),
    Case("a token with a blank", _user(token=f"Bearer {TOKEN}"), "characters that no token has"),
    Case("a token with letters beyond ASCII", _user(token=f"{TOKEN}ß"), "characters that no token has"),
    Case("a token of half a surrogate pair", _user(token=f"{TOKEN}\ud800"), "characters that no token has"),
    Case("a token with the line end of its file", _user(token=f"{TOKEN}\n"), HARMLESS),
    Case("a token as a template", _user(token="{{ lookup('pipe', 'id') }}"), "characters that no token has"),
    Case("a password that is a list", _user(username="a", password=[PASSWORD]), _KIND),
    Case("a user name that is a mapping", _user(username={"a": 1}, password=PASSWORD), _KIND),
    Case("groups that are a number", _user(token=TOKEN, **{"as": "x", "as-groups": 5}), _KIND),
    Case("groups that are a text", _user(token=TOKEN, **{"as": "x", "as-groups": "system:masters"}), _KIND),
    Case("groups of numbers", _user(token=TOKEN, **{"as": "x", "as-groups": [5]}), "no header"),
    Case("somebody to act as who is a mapping", _user(token=TOKEN, **{"as": {"user": "x"}}), _KIND),
    Case(
        "somebody to act as with a line end",
        _user(token=TOKEN, **{"as": "x\r\nImpersonate-Group: system:masters"}),
        "no header",
    ),
    Case("a group to act as with a line end", _user(token=TOKEN, **{"as": "x", "as-groups": ["x\r\ny"]}), "no header"),
    Case("a quoted false, which is no false", _ca(**{"insecure-skip-tls-verify": "false"}), _KIND),
    Case("a number as a switch", _ca(**{"insecure-skip-tls-verify": 1}), _KIND),
    Case("a name for TLS that is a list", _ca(**{"tls-server-name": ["x"]}), _KIND),
    Case("a name for TLS with a NUL", _ca(**{"tls-server-name": "x\0y"}), "tls-server-name"),
    Case("a name for TLS that begins with a dot", _ca(**{"tls-server-name": ".x"}), "tls-server-name"),
    Case("a proxy that is a number", _ca(**{"proxy-url": 3128}), _KIND),
    Case(
        "a proxy by socks with a password", _ca(**{"proxy-url": f"socks5://a:{PASSWORD}@192.0.2.9"}), "is no http URL"
    ),
    Case("a proxy with a line end", _ca(**{"proxy-url": "http://192.0.2.9\r\nX: y"}), "is no http URL"),
    Case("an authority that is no base64", _ca(**{"certificate-authority-data": "%%%"}), "is not base64"),
    Case("an authority that is base64 of bytes", _ca(**{"certificate-authority-data": "/////w=="}), "is not base64"),
    Case("an authority that is a list", _ca(**{"certificate-authority-data": ["x"]}), _KIND),
    Case("an authority that is no PEM text", _ca(**{"certificate-authority-data": _encoded("x")}), "PEM"),
    Case(
        "an authority in letters beyond ASCII", _ca(**{"certificate-authority-data": _encoded("-----BEGIN ß")}), "PEM"
    ),
    Case(
        "an authority that is empty between its lines",
        _ca(**{"certificate-authority-data": _encoded("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")}),
        "PEM",
    ),
    Case(
        "a client certificate without a key",
        _user(**{"client-certificate-data": _encoded(self_signed("x.test").certificate)}),
        "without",
    ),
    Case(
        "a client key that is none",
        _user(
            **{
                "client-certificate-data": _encoded(self_signed("x.test").certificate),
                "client-key-data": _encoded(PASSWORD),
            }
        ),
        "PEM",
    ),
    Case(
        "a client key of another certificate",
        _user(
            **{
                "client-certificate-data": _encoded(self_signed("x.test").certificate),
                "client-key-data": _encoded(self_signed("y.test").key),
            }
        ),
        "are not usable",
    ),
    Case("fields that nobody knows", with_("clusters.0.cluster.colour", {"a": [1]}), HARMLESS),
    Case(
        "extensions of other programs",
        {**GOOD, "preferences": {}, "extensions": [{"name": "x", "extension": {"y": 1}}]},
        HARMLESS,
    ),
    Case("a plugin that is a text", _user(exec="id"), _KIND),
    Case(
        "a plugin that does not exist",
        _user(
            exec={
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "/nonexistent",
                "interactiveMode": "Never",
            }
        ),
        "plugin",
    ),
    Case("a plugin without a command", _user(exec={"apiVersion": "client.authentication.k8s.io/v1"}), "plugin"),
    Case("a provider that nobody has", _user(**{"auth-provider": {"name": "nobody"}}), "plugin"),
    Case("an empty key", {**GOOD, "": 1}, HARMLESS),
    Case("numbers as keys", {**GOOD, 5: 1}, HARMLESS),
]
"""What a mapping may hold; the same is given as text, too."""


def _fifo(folder: Path) -> str:
    os.mkfifo(folder / "fifo")
    return str(folder / "fifo")


def _loop(folder: Path) -> str:
    (folder / "loop").symlink_to(folder / "loop")
    return str(folder / "loop")


def _growing(_folder: Path) -> str:
    return "/proc/self/environ"


def _unreadable(folder: Path) -> str:
    (folder / "dangling").symlink_to(folder / "nothing")
    return str(folder / "dangling")


def _binary(folder: Path) -> str:
    (folder / "binary").write_bytes(bytes(range(256)))
    return str(folder / "binary")


def _large(folder: Path) -> str:
    with (folder / "large").open("wb") as file:
        file.truncate(10**12)  # a hole: it takes no space
    return str(folder / "large")


def _given(path: str) -> Callable[[Path], str]:
    return lambda _folder: path


_READ = "cannot be read"

FILES = [
    Case("a file that is not there", _given("/nonexistent/file"), _READ),
    Case("a folder", str, _READ),
    Case("a pipe that nobody writes to", _fifo, _READ),
    Case("a device that never ends", _given("/dev/zero"), _READ),
    Case("a device that never ends, by a way around", _given("/dev/../dev/zero"), _READ),
    Case("a terminal", _given("/dev/tty"), _READ),
    Case("a link to itself", _loop, _READ),
    Case("a link to nothing", _unreadable, _READ),
    Case("bytes that are no text", _binary, _READ),
    Case("a terabyte", _large, "is larger than"),
    Case("a path with a NUL", _given("a\0b"), _READ),
    Case("a path too long", _given("/" + "a/" * 5000), _READ),
    Case("a name too long", _given("a" * 300), _READ),
    Case("the home of somebody who is not there", _given("~nobody-of-this-name/config"), _READ),
    Case("a path with escapes", _given("/nonexistent/" + ESCAPES), _READ),
    Case("a path as a template", _given("{{ lookup('pipe', 'id') }}"), _NO_YAML),
]
"""Paths: given as the kubeconfig, and as each file that a kubeconfig or an option refers to."""

REFERENCES = [
    *FILES[:-1],
    Case("the list of users of this machine", _given("/etc/passwd"), ""),
    Case("the same, by a way around", _given("../../../../../../../../etc/passwd"), ""),
    Case("the environment of this process, whose length is not told", _growing, ""),
]
