# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that Ansible takes for templates."""

from __future__ import annotations

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is taken for a template that is not marked

    def trust_as_template(text: str) -> str:
        return text


__all__ = ["trust_as_template"]
