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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from . import kubeconfig
from .errors import ConnectionOptionError
from .secret import Secret


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
        except (ssl.SSLError, ValueError) as error:
            raise ConnectionOptionError(
                f"the certificate authority for {self.server} is no PEM certificate ({error})",
                hint="Give the cluster's CA certificate.",
            ) from None
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
    server = str(options.get("host") or (context.server if context else "")).rstrip("/")
    _check_server(server)
    proxy = options.get("proxy") or (context.cluster.get("proxy-url") if context else None)
    _check_proxy(proxy)
    validate = options.get("validate_certs")
    skip_by_context = bool(context and context.cluster.get("insecure-skip-tls-verify"))
    token, certificate, key, basic = _credentials(options, context)
    return Connection(
        server=server,
        ca=_file(options, "ca_cert") or (context.inline("cluster", "certificate-authority") if context else None),
        verify=bool(validate) if validate is not None else not skip_by_context,
        tls_server_name=context.cluster.get("tls-server-name") if context else None,
        client_certificate=certificate,
        client_key=key,
        token=token,
        basic=basic,
        proxy=proxy,
        no_proxy=options.get("no_proxy"),
        proxy_headers=_proxy_headers(options.get("proxy_headers") or {}),
        impersonate_user=options.get("impersonate_user") or (context.user.get("as") if context else None),
        impersonate_groups=tuple(
            options.get("impersonate_groups") or (context.user.get("as-groups") if context else None) or ()
        ),
        context=context,
    )


def _context(options: Mapping[str, Any]) -> kubeconfig.Context | None:
    source = options.get("kubeconfig")
    if source is not None and not source:
        raise ConnectionOptionError(
            "kubeconfig is empty", hint="Give a path, the text or the mapping, or leave it out."
        )
    if source:
        return kubeconfig.load(source, options.get("context"))
    if options.get("host"):
        return None
    listed = [Path(each).expanduser() for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    paths = listed or [Path("~/.kube/config").expanduser()]
    if not any(path.exists() for path in paths):
        raise ConnectionOptionError(
            "no way to the cluster was given",
            hint="Set kubeconfig (and context), or host and api_key, or the K8S_AUTH_* environment variables.",
        )
    return kubeconfig.load_merged(paths, options.get("context"))


def _check_server(server: str) -> None:
    if not _is_url(server):
        raise ConnectionOptionError(
            f"the API server's address {server!r} is no URL", hint="Write it like https://192.0.2.10:6443."
        )


def _check_proxy(proxy: str | None) -> None:
    if proxy and not _is_url(proxy):
        shown = re.sub(r"[^/]*@", "***@", proxy)  # it may hold a password
        raise ConnectionOptionError(
            f"the proxy's address {shown!r} is no http URL", hint="Write it like http://192.0.2.11:3128."
        )


def _is_url(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _forms(user: str, password: str) -> tuple[Secret, Secret]:
    """A password as it is, and as the header of basic authentication has it."""
    return Secret(password), Secret(base64.b64encode(f"{user}:{password}".encode()).decode())


def _credentials(
    options: Mapping[str, Any], context: kubeconfig.Context | None
) -> tuple[Secret | None, str | None, Secret | None, tuple[str, Secret] | None]:
    """Token, client certificate, client key, user name with password. Options replace the kubeconfig's credential."""
    certificate, key = _file(options, "client_cert"), _file(options, "client_key")
    if bool(certificate) != bool(key):
        given, absent = ("client_cert", "client_key") if certificate else ("client_key", "client_cert")
        raise ConnectionOptionError(f"{given} is given without {absent}", hint=f"Give {absent} too, or neither.")
    if options.get("api_key"):
        return _token(str(options["api_key"]), "api_key"), certificate, Secret(key) if key else None, None
    if options.get("username") and options.get("password") is not None:
        return None, certificate, None, (str(options["username"]), Secret(str(options["password"])))
    if certificate and key:
        return None, certificate, Secret(key), None
    if context is None:
        return None, None, None, None
    if context.user.get("exec") or context.user.get("auth-provider"):
        return _plugin_credentials(context)
    token, key = context.token(), context.inline("user", "client-key")
    where = f"the token of context {context.name!r}"
    basic = (
        (str(context.user["username"]), Secret(str(context.user.get("password", ""))))
        if context.user.get("username")
        else None
    )
    return (
        _token(token, where) if token else None,
        context.inline("user", "client-certificate"),
        Secret(key) if key else None,
        basic,
    )


def _token(value: str, where: str) -> Secret:
    """A token without the line end of its file; what no header takes would be shown in an error of the HTTP library."""
    token = value.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConnectionOptionError(f"{where} has characters that no token has", hint="Give the token alone.")
    return Secret(token)


def _plugin_credentials(
    context: kubeconfig.Context,
) -> tuple[Secret | None, str | None, Secret | None, tuple[str, Secret] | None]:
    """Ask an exec or auth-provider plugin; the kubernetes package knows how, and is loaded for this alone."""
    try:
        from kubernetes.client import Configuration
        from kubernetes.config import kube_config
    except ImportError:
        raise ConnectionOptionError(
            f"context {context.name!r} gets its credential from a plugin, which takes the Python package kubernetes",
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
    except Exception as error:  # what the plugin or the package raises is not narrowed by either
        raise ConnectionOptionError(
            f"the credential plugin of context {context.name!r} gave no credential ({type(error).__name__}: {error})",
            hint="Run 'kubectl get namespaces' with the same kubeconfig on the same machine to see what it says.",
        ) from None
    finally:
        # The package writes certificates to temporary files, and an Ansible worker ends without running exit handlers.
        kube_config._cleanup_temp_files()
    return Secret(token) if token else None, files[0], Secret(files[1]) if files[1] else None, None


def _file(options: Mapping[str, Any], name: str) -> str | None:
    path = options.get(name)
    return kubeconfig.read_file(Path(str(path)).expanduser(), name) if path else None


def _proxy_headers(options: Mapping[str, Any]) -> dict[str, str]:
    """Headers for the proxy; options and forms as in kubernetes.core."""
    headers = {}
    if options.get("basic_auth"):
        headers["proxy-authorization"] = "Basic " + base64.b64encode(str(options["basic_auth"]).encode()).decode()
    if options.get("proxy_basic_auth"):
        encoded = base64.b64encode(str(options["proxy_basic_auth"]).encode()).decode()
        headers["proxy-authorization"] = f"Basic {encoded}"
    if options.get("user_agent"):
        headers["user-agent"] = str(options["user_agent"])
    return headers


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: Secret) -> None:
    """Load a certificate and its key; Python's ssl takes files only, so the key gets one that is in memory alone."""
    pem = f"{certificate.rstrip()}\n{key.reveal()}".encode()
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("client-certificate")
        try:
            os.write(descriptor, pem)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:  # mode 0600, gone at the end of this block
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
