# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which strings are templates: those that the collection writes itself, and none that comes from a cluster."""

from __future__ import annotations

from typing import Any

from ansible.utils.unsafe_proxy import wrap_var

try:
    from ansible.template import trust_as_template as ours
except ImportError:  # before ansible-core 2.19 every string is taken for a template that is not marked

    def ours(template: str) -> str:
        """A template of the collection's own."""
        return template


def theirs(value: Any) -> Any:
    """What comes from a cluster, with each string that has a brace marked as no template: two of them may make one.

    The others are marked as harmless, or ansible-inventory would show of each of them that it is not.
    """
    if isinstance(value, dict):
        return {key: theirs(item) for key, item in value.items()}
    if isinstance(value, list):
        return [theirs(item) for item in value]
    if not isinstance(value, str):
        return value
    return wrap_var(value) if "{" in value or "}" in value else ours(value)


__all__ = ["ours", "theirs"]
