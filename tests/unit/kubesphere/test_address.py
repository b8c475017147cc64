# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of proxy addresses as text."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.address import (
    BadAddress,
    for_agent,
    of,
    problems,
    same,
)


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("http://10.0.0.1", "http://10.0.0.1:80"),
        ("https://10.0.0.1", "https://10.0.0.1:443"),
        ("http://tower.example.com", "http://tower.example.com:80"),
        ("https://tower.example.com/", "https://tower.example.com:443"),
        ("https://tower-1", "https://tower-1:443"),
        ("HTTP://Tower.Example.com:30880", "http://tower.example.com:30880"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
        ("http://[fd00::1]", "http://[fd00::1]:80"),
        ("https://[FD00:0::1]", "https://[fd00::1]:443"),
        ("http://tower.example.com.:08080", "http://tower.example.com.:8080"),
        ("http://my_tower:8080", "http://my_tower:8080"),
        ("http://10.0.0.1:1", "http://10.0.0.1:1"),
        ("http://10.0.0.1:65535", "http://10.0.0.1:65535"),
    ],
)
def test_port_is_always_there(written: str, called: str) -> None:
    assert problems(written) == []
    assert for_agent(written) == called
    assert for_agent(called) == called


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "it is empty"),
        (None, "it is empty"),
        (8080, "put it in quotes"),
        ("10.0.0.1:8080", "no scheme: is it http://10.0.0.1:8080?"),
        ("tower.example.com", "no scheme"),
        ("ws://tower.example.com", "its scheme is ws"),
        ("tcp://10.0.0.1:8080", "its scheme is tcp"),
        ("://10.0.0.1", "its scheme is empty"),
        ("http://", "it has no host"),
        ("http://:8080", "it has no host"),
        ("http://user:secret@tower.example.com", "a login"),
        ("http://tower.example.com/agents", "a path or a query"),
        ("http://tower.example.com?token=secret", "a path or a query"),
        ("http://tower.example.com#x", "a path or a query"),
        ("http://tower example.com", "a blank"),
        ("http://tower.example.com\n", "a blank"),
        ("http://localhost:8080", "loopback"),
        ("http://localhost.:8080", "loopback"),
        ("http://127.0.0.1:8080", "loopback"),
        ("http://127.8.9.1", "loopback"),
        ("http://[::1]:8080", "loopback"),
        ("http://[::ffff:127.0.0.1]:8080", "loopback"),
        ("http://0.0.0.0:8080", "an address to listen on"),
        ("http://[::]:8080", "an address to listen on"),
        ("http://224.0.0.1:8080", "stands for many machines"),
        ("http://10.0.0.1:0", "0 is no port"),
        ("http://10.0.0.1:65536", "65536 is no port"),
        ("http://10.0.0.1:http", "http is no port"),
        ("http://10.0.0.1:-1", "-1 is no port"),
        ("http://10.0.0.1:", "no port after it"),
        ("http://fd00::1", "not in brackets"),
        ("http://fd00::1:8080", "not in brackets"),
        ("http://[fd00::zz]:8080", "no IPv6 address"),
        ("http://[fe80::1%25eth0]:8080", "interface of one machine"),
        ("http://[10.0.0.1]:8080", "take the brackets away"),
        ("http://10.0.0.256:8080", "no valid IPv4 address"),
        ("http://10.0.0.1.:8080", "no valid IPv4 address"),
        ("http://[tower:8080", "[tower is no IPv6 address"),
        ("http://tower]:8080", "tower] is no IPv6 address"),
        ("http://10.0.0:8080", "no valid IPv4 address"),
        ("http://-tower.example.com", "nor a valid name"),
        ("http://tower..example.com", "nor a valid name"),
        (f"http://{'a' * 64}.example.com", "nor a valid name"),
        ("http://türme.example.com", "xn--"),
        ("http://tower.kubesphere-system.svc:8080", "inside of one cluster"),
        ("http://tower.kubesphere-system.svc.cluster.local:8080", "inside of one cluster"),
    ],
)
def test_what_cannot_be_dialled_is_refused_with_the_reason(written: Any, reason: str) -> None:
    found = problems(written)
    assert any(reason in each for each in found), found
    assert not any("secret" in each for each in found)
    with pytest.raises(BadAddress) as refused:
        for_agent(written)
    assert "secret" not in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(problems("ftp://127.0.0.1:0/x")) == 4


def test_addresses_are_compared_by_where_they_lead() -> None:
    assert same("http://tower.example.com", "http://TOWER.example.com:80/")
    assert not same("http://tower.example.com", "https://tower.example.com")
    assert not same("", "http://tower.example.com")
    assert same("what it is", "what it is")


def test_ipv6_gets_brackets() -> None:
    assert of("fd00::1", 8080) == "http://[fd00::1]:8080"
    assert of("10.0.0.1", 30880) == "http://10.0.0.1:30880"
    assert of("tower.example.com", 8080) == "http://tower.example.com:8080"


@pytest.mark.parametrize("address", ["admin:s3cret@tower.example.org:443", "http://admin:s3cret@tower.example.org"])
def test_a_password_is_shown_nowhere(address: str) -> None:
    with pytest.raises(BadAddress) as caught:
        for_agent(address)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in "".join(problems(address))
