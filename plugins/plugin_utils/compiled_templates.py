# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates that many clusters have in common are compiled once."""

from __future__ import annotations

from typing import Any

import jinja2

from .template_parts import parts

_MOST = 2048  # templates that are remembered


def compile_once(templar: Any) -> None:
    """Let a Templar remember the code of the templates that it has compiled.

    Jinja compiles a template whenever it is rendered, and that takes most of the time: for a thousand clusters a
    thousand times. Nothing else changes. Where ansible-core is built differently, nothing is remembered.

    Args:
        templar: one that nobody else uses.
    """
    engine = getattr(templar, "_engine", templar)  # up to ansible-core 2.18 the Templar is its own engine
    environment = getattr(engine, "environment", None)
    if isinstance(environment, jinja2.Environment) and not getattr(environment, "_debuggable_template_source", False):
        kind = type(environment)
        environment.__class__ = type(kind.__name__, (_Remembering, kind), {"known": {}})


class _Remembering:
    """What a class of environments does otherwise."""

    known: dict[str, Any]
    overlayed: bool

    def compile(
        self,
        source: Any,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:
        """The code of a template."""
        compiled = super().compile  # type: ignore[misc]
        # An overlay has its own delimiters. What a backslash means depends on where a template comes from. And a filter
        # of constants may be evaluated at once: one that draws a number would draw it for all.
        plain = isinstance(source, str) and "\\" not in source and not self.overlayed
        found = parts(source) if plain else None
        if not (found and found.settled) or name or filename or raw or defer_init:
            return compiled(source, name, filename, raw, defer_init)
        code = self.known.get(source)
        if code is None:
            code = compiled(source)
            if len(self.known) < _MOST:
                self.known[str(source)] = code
        return code
