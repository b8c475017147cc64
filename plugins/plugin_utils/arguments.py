# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of an action plugin that no goal stands behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .local_goal import COLLECTION, native


def validated(name: str, spec: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A task's arguments, checked and with defaults. None of them is a secret.

    Args:
        name: of the plugin, without the collection's.
        spec: as AnsibleModule takes it.
        arguments: of the task.

    Raises:
        AnsibleActionFail: they are not what the plugin takes.
    """
    checked = ArgumentSpecValidator(dict(spec)).validate(native(dict(arguments)))
    if checked.error_messages:
        raise AnsibleActionFail(f"{COLLECTION}.{name}: {'; '.join(checked.error_messages)}")
    found: dict[str, Any] = checked.validated_parameters
    return found
