"""A connection that is not local by name and leads to this very machine: what a bastion is to Ansible, without SSH."""

from __future__ import annotations

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: bastion
short_description: Run modules here, by a connection that is not local
description: Modules are copied and started as over any connection.
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(Local):  # type: ignore[misc]
    """The connection."""

    transport = "bastion"
