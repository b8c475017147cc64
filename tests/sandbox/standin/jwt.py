"""Tokens of KubeSphere: HS256 JSON web tokens signed with ``jwtSecret``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import Any


class InvalidToken(Exception):
    """The token is not accepted; the text says why."""


def static_token(secret: str) -> str:
    """The admin's token that never expires.

    Imitates ks-installer v3.4.1 roles/ks-core/init-token/files/jwt-script/jwt.sh: a pure function of the secret.
    """
    return sign({"email": "admin@kubesphere.io", "username": "admin", "token_type": "static_token"}, secret)


def sign(claims: dict[str, Any], secret: str) -> str:
    """A signed token; the order of the claims is kept."""
    signed = f"{_segment({'alg': 'HS256', 'typ': 'JWT'})}.{_segment(claims)}"
    return f"{signed}.{_encode(_signature(signed, secret))}"


def verify(token: str, secret: str) -> dict[str, Any]:
    """Claims of a token.

    Imitates kubesphere v3.4.1 pkg/apiserver/authentication/token/issuer.go Verify.

    Raises:
        InvalidToken: wrong form, algorithm or signature, or expired.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidToken("token contains an invalid number of segments")
    try:
        header, claims = (json.loads(_decode(part)) for part in parts[:2])
        given = _decode(parts[2])
    except binascii.Error as error:
        raise InvalidToken("illegal base64 data at input byte 0") from error
    except ValueError as error:
        raise InvalidToken(f"token is malformed: {error}") from error
    if header.get("alg") != "HS256":
        raise InvalidToken(f"signing method {header.get('alg')} is invalid")
    if not hmac.compare_digest(given, _signature(f"{parts[0]}.{parts[1]}", secret)):
        raise InvalidToken("signature is invalid")
    if "exp" in claims and claims["exp"] < time.time():
        raise InvalidToken(f"jwt: token is expired by {int(time.time() - claims['exp'])}s")
    return dict(claims)


def _signature(signed: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()


def _segment(content: dict[str, Any]) -> str:
    return _encode(json.dumps(content, separators=(",", ":")).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
