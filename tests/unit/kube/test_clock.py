# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the API server's own time."""

from __future__ import annotations

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import clock as clock_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.clock import Clock

from tests.unit import fakes


def test_it_goes_on_between_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = fakes.Clock()
    monkeypatch.setattr(clock_module, "time", ours)
    theirs = Clock()
    assert theirs.now() == theirs.told("yesterday") == ""
    assert theirs.told("Sun, 22 Nov 2026 12:00:00 GMT") == "2026-11-22T12:00:00Z"
    ours.now = 61.5
    assert theirs.now() == "2026-11-22T12:01:01Z"
    assert theirs.told("Fri, 31 Dec 9999 23:59:59 GMT")
    ours.now = 100.0
    assert theirs.now() == ""
