# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Version of the collection as code knows it; a test holds it against galaxy.yml (private to the collection)."""

from __future__ import annotations

VERSION = "1.0.0"
USER_AGENT = f"kubesphere.multicluster/{VERSION}"
