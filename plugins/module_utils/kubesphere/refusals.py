# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the domain will not do (private to the collection)."""

from __future__ import annotations

from ..kube.errors import KubeError


class Refused(KubeError):
    """Something was asked for that would harm or cannot work; nothing was written."""
