# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret that KubeSphere signs its tokens with (private to the collection)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import string

from ..kube.secret import Secret

_LENGTH = 32


def generate() -> Secret:
    """A new jwtSecret: 32 letters and digits, all that ks-installer's shell takes without harm."""
    alphabet = string.ascii_letters + string.digits
    return Secret("".join(secrets.choice(alphabet) for dummy in range(_LENGTH)))


def admin_token(jwt_secret: Secret) -> Secret:
    """The static token of the user admin, which every ks-apiserver with this jwtSecret accepts.

    It is a pure function of the secret (ks-installer v3.4.1 roles/ks-core/init-token/files/jwt-script/jwt.sh): HS256
    over a header and a payload without times, so it need not be read from any cluster.
    """
    header = {"alg": "HS256", "typ": "JWT"}
    payload = {"email": "admin@kubesphere.io", "username": "admin", "token_type": "static_token"}
    signed = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, payload))
    signature = hmac.new(jwt_secret.reveal().encode(), signed.encode(), hashlib.sha256).digest()
    return Secret(f"{signed}.{_encoded(signature)}")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
