# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the jwtSecret and of the token that follows from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import check_jwt_secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.jwt import admin_token, generate


def decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True)


def test_a_new_secret_is_one_that_a_user_may_give() -> None:
    made = {generate().reveal() for dummy in range(50)}
    assert len(made) == 50
    assert {len(each) for each in made} == {32}
    assert [check_jwt_secret(each) for each in made] == [[]] * 50


def test_the_token_is_signed_by_the_secret() -> None:
    header, payload, signature = admin_token(Secret("s3cret")).reveal().split(".")
    assert json.loads(decoded(header)) == {"alg": "HS256", "typ": "JWT"}
    claims = {"email": "admin@kubesphere.io", "username": "admin", "token_type": "static_token"}
    assert json.loads(decoded(payload)) == claims
    expected = hmac.new(b"s3cret", f"{header}.{payload}".encode(), hashlib.sha256).digest()
    assert decoded(signature) == expected


def test_the_token_is_always_the_same_one_and_fit_for_a_header() -> None:
    tokens = [admin_token(Secret(secret)).reveal() for secret in ("a", "a", "b", "ä" * 40)]
    assert tokens[0] == tokens[1] != tokens[2]
    assert all(set(token).isdisjoint("=+/\n ") for token in tokens)


def test_the_token_is_a_secret() -> None:
    assert str(admin_token(Secret("a"))) == "***"
