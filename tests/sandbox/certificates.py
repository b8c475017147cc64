"""What a cluster signs and is known by: authorities, certificates, the service accounts' key, kubeconfigs."""

from __future__ import annotations

import base64
import datetime
import fcntl
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEAR = 365 * 86400
"""Seconds."""


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, stem: Path) -> None:
        """Keep it as ``<stem>.crt`` and ``<stem>.key``."""
        write_private(stem.with_suffix(".key"), self.key)
        write_private(stem.with_suffix(".crt"), self.certificate)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, in one step, so that half of one is never found."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_bytes(content)
    partial.rename(path)


def service_account_key(stem: Path) -> None:
    """Make the key that signs service account tokens: ``<stem>.key`` and ``<stem>.pub``."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_private(stem.with_suffix(".pub"), public)
    write_private(stem.with_suffix(".key"), _pem(key))


class Authority:
    """A certificate authority, kept as ``<stem>.crt`` and ``<stem>.key``."""

    def __init__(self, stem: Path, with_rsa: bool = False) -> None:
        """Load the authority, or make it.

        Args:
            stem: path of its files, without their endings.
            with_rsa: make an RSA key, which some programs want; it takes a tenth of a second.
        """
        self.certificate_file = stem.with_suffix(".crt")
        self.key_file = stem.with_suffix(".key")
        if not self.certificate_file.exists():
            self._create(stem, rsa.generate_private_key(65537, 2048) if with_rsa else None)
        self.certificate = self.certificate_file.read_bytes()
        self._issuer = x509.load_pem_x509_certificate(self.certificate).subject
        key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        self._key = key

    @staticmethod
    def _create(stem: Path, given: rsa.RSAPrivateKey | None) -> None:
        key = given or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem.name)])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _builder(name, name, key.public_key(), 10 * YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        KeyPair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key)).write(stem)

    def client(self, user: str, groups: Iterable[str] = (), expires_in: float = YEAR) -> KeyPair:
        """A client certificate.

        Args:
            user: user name, the subject's common name.
            groups: the user's groups, the subject's organizations.
            expires_in: seconds from now; negative for one that has expired already.
        """
        return self._issue(user, groups, ExtendedKeyUsageOID.CLIENT_AUTH, None, expires_in)

    def server(self, name: str, hosts: Iterable[str], addresses: Iterable[str]) -> KeyPair:
        """A serving certificate for the given host names and IP addresses."""
        alternatives: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        names = x509.SubjectAlternativeName(alternatives)
        return self._issue(name, (), ExtendedKeyUsageOID.SERVER_AUTH, names, YEAR)

    def _issue(
        self,
        common_name: str,
        organizations: Iterable[str],
        usage: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None,
        expires_in: float,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        builder = _builder(x509.Name(attributes), self._issuer, key.public_key(), expires_in)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(authority, critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def tower_authority(folder: Path) -> Authority:
    """A cluster's authority for its agents, in place of the one that the image of tower has for everybody.

    Args:
        folder: the cluster's state folder. The authority is made once, so that a tower that starts again has the same.
    """
    with (folder / ".tower-ca.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return Authority(folder / "tower-ca", with_rsa=True)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, expires_in: float
) -> x509.CertificateBuilder:
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=expires_in)
    start = end - datetime.timedelta(seconds=abs(expires_in)) - datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def kubeconfig(name: str, server: str, authority: bytes, user: str, credentials: KeyPair | str) -> dict[str, Any]:
    """A self-contained kubeconfig.

    Args:
        name: of the cluster and of the context.
        server: URL of the API server.
        authority: certificate authority of the API server, PEM.
        user: name of the user's entry.
        credentials: a client certificate or a bearer token.
    """
    if isinstance(credentials, KeyPair):
        identity = {
            "client-certificate-data": base64.b64encode(credentials.certificate).decode(),
            "client-key-data": base64.b64encode(credentials.key).decode(),
        }
    else:
        identity = {"token": credentials}
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": identity}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
    }


def write_kubeconfig(path: Path, content: dict[str, Any]) -> Path:
    """Write a kubeconfig, readable by its owner only; returns the path."""
    write_private(path, yaml.safe_dump(content, sort_keys=False).encode())
    return path
