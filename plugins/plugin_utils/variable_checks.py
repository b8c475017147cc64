# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the variables of many clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .host_variables import HostVariables, Variables
from .local_goal import native

_KEPT = 4  # values of one variable that are known to be fine


class VariableChecks:
    """What the action validate_argument_spec says of a cluster's variables.

    Most clusters have most of their variables in common, defaults for example; each value is looked at once.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        """Check nothing yet.

        Args:
            spec: specification of the variables, as in ``meta/argument_specs.yml``.
        """
        self._spec = dict(spec)
        self._required = {name for name, option in self._spec.items() if option.get("required")}
        self._fine: dict[str, list[Any]] = {name: [] for name in self._spec}

    def problem(self, hosts: HostVariables, variables: Variables) -> str:
        """What is wrong with the variables of one cluster; empty if nothing is."""
        given = hosts.values(self._spec, variables)
        new = {name: value for name, value in given.items() if not any(value is each for each in self._fine[name])}
        looked_at = new.keys() | (self._required - given.keys())
        spec = {name: self._spec[name] for name in self._spec if name in looked_at}
        messages = ArgumentSpecValidator(spec).validate(native(new), validate_role_argument_spec=True).error_messages
        if messages:
            return "Validation of arguments failed:\n" + "\n".join(messages)
        for name, value in new.items():
            self._fine[name] = [value, *self._fine[name][: _KEPT - 1]]
        return ""
