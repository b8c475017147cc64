# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach one API server: the authentication options, resolved (private to the collection).

The options and their environment variables are those of kubernetes.core, so that module_defaults, credentials of
AWX and habits carry over.
"""

from __future__ import annotations

import base64
import os
import re
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from . import exec_plugin, kubeconfig, text_file
from .errors import ConnectionOptionError
from .secret import Secret

# The kubernetes package knows its temporary files by one mapping for all threads, and removes those of all at once.
_PROVIDER_LOCK = threading.Lock()


@dataclass(frozen=True)
class Connection:
    """Everything that a session needs to reach one API server.

    Attributes:
        server: URL of the API server.
        ca: certificate authority as PEM text; None means the machine's own.
        verify: whether the server's certificate is verified.
        tls_server_name: name to verify in place of the address.
        client_certificate: PEM text.
        client_key: PEM text.
        token: bearer token.
        basic: user name and password.
        proxy: URL of an HTTP proxy.
        no_proxy: hosts and domain suffixes that are reached without it, separated by commas.
        proxy_headers: headers for the proxy.
        impersonate_user: user to act as.
        impersonate_groups: groups to act as.
        context: the kubeconfig's context that this was read from.
        token_in_place_of: gives the token to use once the API server has refused one. Those of credential plugins and
            of files end after some minutes, and an installation takes as long.
    """

    server: str
    ca: str | None = None
    verify: bool = True
    tls_server_name: str | None = None
    client_certificate: str | None = None
    client_key: Secret | None = None
    token: Secret | None = None
    basic: tuple[str, Secret] | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    proxy_headers: Mapping[str, str] = field(default_factory=dict)
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    context: kubeconfig.Context | None = None
    token_in_place_of: Callable[[Secret], Secret | None] | None = field(default=None, compare=False)

    def secrets(self) -> Iterable[Secret]:
        """What must never be shown."""
        proxy = urlsplit(self.proxy or "")
        for secret in (
            self.client_key,
            self.token,
            *(_forms(self.basic[0], self.basic[1].reveal()) if self.basic else ()),
            *(_forms(unquote(proxy.username or ""), unquote(proxy.password)) if proxy.password else ()),
            Secret(proxy.password or ""),
            *(Secret(value) for key, value in self.proxy_headers.items() if key == "proxy-authorization"),
        ):
            if secret:
                yield secret

    def ssl_context(self) -> ssl.SSLContext:
        """The TLS settings.

        Raises:
            ConnectionOptionError: a certificate or key is not usable.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if not self.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            elif self.ca:
                context.load_verify_locations(cadata=self.ca)
            else:
                context.load_default_certs()
        except (ssl.SSLError, TypeError, ValueError) as error:
            raise ConnectionOptionError(
                f"the certificate authority for {self.server} is no PEM certificate ({error})",
                hint="Give the cluster's CA certificate.",
            ) from None
        if bool(self.client_certificate) != bool(self.client_key):
            given, absent = ("certificate", "key") if self.client_certificate else ("key", "certificate")
            raise ConnectionOptionError(
                f"there is a client {given} for {self.server} without its {absent}", hint="Give both, or neither."
            )
        if self.client_certificate and self.client_key:
            try:
                _load_client_certificate(context, self.client_certificate, self.client_key)
            except (ssl.SSLError, ValueError) as error:
                raise ConnectionOptionError(
                    f"the client certificate and key for {self.server} are not usable ({error})",
                    hint="Give a PEM certificate and the key that belongs to it.",
                ) from None
        return context


def resolve(options: Mapping[str, Any]) -> Connection:
    """Turn the authentication options into a connection.

    Args:
        options: ``kubeconfig`` (path, text or mapping), ``context``, ``host``, ``api_key``, ``username``, ``password``,
            ``validate_certs``, ``ca_cert``, ``client_cert``, ``client_key`` (paths), ``proxy``, ``no_proxy``,
            ``proxy_headers``, ``impersonate_user``, ``impersonate_groups``. Given values win over the kubeconfig's.

    Raises:
        ConnectionOptionError: they do not lead to a server, or something that they name cannot be used.
    """
    context = _context(options)
    server = kubeconfig.check_server(str(options.get("host") or (context.server if context else "")).rstrip("/"))
    proxy = options.get("proxy") or (context.cluster.get("proxy-url") if context else None)
    _check_proxy(proxy)
    validate = options.get("validate_certs")
    skip_by_context = bool(context and context.cluster.get("insecure-skip-tls-verify"))
    login = _login(options, context)
    user = options.get("impersonate_user") or (context.user.get("as") if context else None)
    groups = options.get("impersonate_groups") or (context.user.get("as-groups") if context else None) or ()
    for value in filter(None, [user, *groups]):
        _check_header(value, "who is to be impersonated")
    tls_server_name = context.cluster.get("tls-server-name") if context else None
    if tls_server_name and not kubeconfig.is_host_name(tls_server_name):
        raise ConnectionOptionError(
            f"tls-server-name is {tls_server_name!r}, which is no name", hint="Give the name in its certificate."
        )
    return Connection(
        server=server,
        ca=_file(options, "ca_cert") or (context.inline("cluster", "certificate-authority") if context else None),
        verify=bool(validate) if validate is not None else not skip_by_context,
        tls_server_name=tls_server_name,
        client_certificate=login.certificate,
        client_key=login.key,
        token=login.token,
        basic=login.basic,
        proxy=proxy,
        no_proxy=options.get("no_proxy"),
        proxy_headers=_proxy_headers(options.get("proxy_headers") or {}),
        impersonate_user=user,
        impersonate_groups=tuple(groups),
        context=context,
        token_in_place_of=login.token_in_place_of,
    )


def _context(options: Mapping[str, Any]) -> kubeconfig.Context | None:
    source = options.get("kubeconfig")
    if source is not None:
        return kubeconfig.load(source, options.get("context"))
    if options.get("host"):
        return None
    listed = [text_file.home(each) for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    paths = listed or [text_file.home("~/.kube/config")]
    if not any(path.exists() for path in paths):
        raise ConnectionOptionError(
            "no way to the cluster was given",
            hint="Set kubeconfig (and context), or host and api_key, or the K8S_AUTH_* environment variables.",
        )
    return kubeconfig.load_merged(paths, options.get("context"))


def _check_proxy(proxy: str | None) -> None:
    if proxy and not kubeconfig.is_url(proxy):
        shown = re.sub(r"[^/]*@", "***@", str(proxy))  # it may hold a password
        raise ConnectionOptionError(
            f"the proxy's address {shown!r} is no http URL", hint="Write it like http://192.0.2.11:3128."
        )


def _check_header(value: Any, what: str) -> str:
    """A value that may stand in a header; the HTTP library would show it in its error."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ConnectionOptionError(f"{what}: it has what no header takes", hint="Give it in ASCII, on one line.")
    return value


def _password(user: str, password: str) -> tuple[str, Secret]:
    """A login; what no header takes is refused, and a colon, at which the server would part it."""
    problem = "a colon in the user name" if ":" in user else ""
    try:
        f"{user}:{password}".encode()
    except UnicodeEncodeError:
        problem = "half a character in user name or password"
    if problem:
        raise ConnectionOptionError(f"no login takes {problem}", hint="Give username and password as they are.")
    return user, Secret(password)


def basic(user: str, password: str) -> str:
    """The header of basic authentication; urllib3's own takes Latin-1 alone."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _forms(user: str, password: str) -> tuple[Secret, Secret]:
    """A password as it is, and as the header of basic authentication has it."""
    return Secret(password), Secret(basic(user, password).partition(" ")[2])


@dataclass(frozen=True)
class _Login:
    """Who one is to the API server; the attributes are those of a connection."""

    token: Secret | None = None
    certificate: str | None = None
    key: Secret | None = None
    basic: tuple[str, Secret] | None = None
    token_in_place_of: Callable[[Secret], Secret | None] | None = None


def _login(options: Mapping[str, Any], context: kubeconfig.Context | None) -> _Login:
    """Options replace the kubeconfig's credential."""
    if bool(options.get("client_cert")) != bool(options.get("client_key")):
        given, absent = ("client_cert", "client_key") if options.get("client_cert") else ("client_key", "client_cert")
        raise ConnectionOptionError(f"{given} is given without {absent}", hint=f"Give {absent} too, or neither.")
    certificate, key = _file(options, "client_cert"), _secret(_file(options, "client_key"))
    if options.get("api_key"):
        return _Login(_token(str(options["api_key"]), "api_key"), certificate, key)
    if options.get("username") and options.get("password") is not None:
        return _Login(certificate=certificate, basic=_password(str(options["username"]), str(options["password"])))
    if certificate and key:
        return _Login(certificate=certificate, key=key)
    if context is None:
        return _Login()
    if context.user.get("exec"):
        return _login_by_plugin(context)
    if context.user.get("auth-provider"):
        with _PROVIDER_LOCK:
            return _login_by_provider(context)
    return _Login(
        _token_of(context),
        context.inline("user", "client-certificate"),
        _secret(context.inline("user", "client-key")),
        _password(context.user["username"], context.user.get("password") or "")
        if context.user.get("username")
        else None,
        lambda _refused: _token_of(context),
    )


def _secret(value: str | None) -> Secret | None:
    return Secret(value) if value else None


def _token(value: str, where: str) -> Secret:
    return Secret(kubeconfig.check_token(value, where))


def _token_of(context: kubeconfig.Context) -> Secret | None:
    token = context.token()
    return _token(token, f"the token of context {context.name!r}") if token else None


def _login_by_plugin(context: kubeconfig.Context) -> _Login:
    def given(refused: Secret | None = None) -> exec_plugin.Credential:
        try:
            return exec_plugin.ask(context, refused)
        except ConnectionOptionError as error:
            raise _no_credential(context, error.message) from None

    first = given()
    return _Login(first.token, first.certificate, first.key, token_in_place_of=lambda refused: given(refused).token)


def _login_by_provider(context: kubeconfig.Context) -> _Login:
    """Ask an auth-provider, as it was before exec; the kubernetes package knows how, and is loaded for this alone."""
    try:
        from kubernetes.client import Configuration
        from kubernetes.config import kube_config
    except ImportError:
        raise ConnectionOptionError(
            f"context {context.name!r} has an auth-provider, which takes the Python package kubernetes",
            hint="Run 'pip install kubernetes'.",
        ) from None
    configuration = Configuration()
    try:
        loader = kube_config.KubeConfigLoader(context.self_contained(), config_base_path=str(context.folder or ""))
        loader.load_and_set(configuration)
        keys = configuration.api_key
        token = keys.get("BearerToken") or keys.get("authorization") or ""  # the second up to release 35 of the package
        token = token.removeprefix("Bearer ").strip()
        files = [Path(name).read_text() if name else None for name in (configuration.cert_file, configuration.key_file)]
        if not token and not all(files):  # the package writes to its log what went wrong, and goes on without
            raise ValueError("it failed, or its answer holds neither a token nor a certificate with its key")
    except Exception as error:  # what the package raises is not narrowed by it
        raise _no_credential(context, f"{type(error).__name__}: {error}") from None
    finally:
        # The package writes certificates to temporary files, and an Ansible worker ends without running exit handlers.
        kube_config._cleanup_temp_files()
    return _Login(_secret(token), files[0], _secret(files[1]))


def _no_credential(context: kubeconfig.Context, why: str) -> ConnectionOptionError:
    return ConnectionOptionError(
        f"the credential plugin of context {context.name!r} gave no credential ({why})",
        hint="Run 'kubectl get namespaces' with the same kubeconfig on the same machine to see what it says.",
    )


def _file(options: Mapping[str, Any], name: str) -> str | None:
    path = options.get(name)
    return kubeconfig.read_pem(text_file.home(str(path)), name) if path else None


def _proxy_headers(options: Mapping[str, Any]) -> dict[str, str]:
    """Headers for the proxy; options and forms as in kubernetes.core."""
    headers = {}
    if options.get("basic_auth"):
        headers["proxy-authorization"] = "Basic " + base64.b64encode(str(options["basic_auth"]).encode()).decode()
    if options.get("proxy_basic_auth"):
        encoded = base64.b64encode(str(options["proxy_basic_auth"]).encode()).decode()
        headers["proxy-authorization"] = f"Basic {encoded}"
    if options.get("user_agent"):
        headers["user-agent"] = _check_header(options["user_agent"], "proxy_headers.user_agent")
    return headers


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: Secret) -> None:
    """Load a certificate and its key; Python's ssl takes files only, so the key gets one that is in memory alone."""
    # Left to itself, OpenSSL would ask at the terminal for the password of a key that is encrypted.
    pem = f"{certificate.rstrip()}\n{key.reveal()}".encode()
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("client-certificate")
        try:
            os.write(descriptor, pem)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:  # mode 0600, gone at the end of this block
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name, password=_no_password)


def _no_password() -> str:
    raise ValueError("the key is encrypted, and a password is not asked for")
