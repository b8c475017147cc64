"""The sandbox's virtual kubelet: ``python -m tests.sandbox.node``, one process per cluster, in its network namespace.

It is to the API server what kubelet is: a Node with its Lease, true statuses of the pods that are bound to it, events,
and the HTTPS port that ``kubectl logs`` comes through. Its containers are processes of this machine:

- What a container runs is looked up in ``tests/sandbox/images.py``.
- Every process has mount, PID and UTS namespaces of its own; its root is the machine's, with all writes to a tmpfs that
  goes with it, and with the pod's volumes at their mount paths. Only the checkout and the cluster's state folder are
  the real ones. The network is the cluster's: all pods have the node's address, as with ``hostNetwork``. Two processes
  that listen on one port get along only with SO_REUSEPORT (what the stand-ins do), or one after the other.
- A process is the first of its PID namespace. As on any node it gets no SIGTERM unless it handles it; only the wait for
  the grace period to pass is left out in that case.
- SIGTERM or SIGKILL of the node leaves the processes running: the next node with the same state folder goes on with
  them, exit codes included. Whoever takes a cluster down ends the node first and calls ``end_all(state)`` then.

In the same process are the cluster's name server (`dns`) and its cloud (`cloud`).

Left out: exec, attach, port-forward (501), preStop and postStart hooks, users other than root, resource limits,
ephemeral containers, static pods, eviction.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from ..kubeapi import KubeApi
from .cloud import Cloud
from .dns import DnsServer
from .kubelet import Kubelet
from .pod import pods_folder
from .registration import KUBELET_PORT
from .server import NodeServer

STACK_BYTES = 512 * 1024
"""Stack of a thread: there are about twenty, and none is deep."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.node", description="Virtual kubelet of the sandbox.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--name", required=True, help="name of the Node")
    parser.add_argument("--address", required=True, help="its address, and that of all its pods")
    parser.add_argument("--balanced", required=True, help="address for load balancers")
    parser.add_argument("--state", type=Path, required=True, help="the node's folder in the cluster's state folder")
    parser.add_argument("--cluster", required=True, help="name of the cluster")
    parser.add_argument("--tls-cert", type=Path, required=True, help="serving certificate")
    parser.add_argument("--tls-key", type=Path, required=True)
    parser.add_argument("--client-ca", type=Path, required=True, help="authority of the clients that may read logs")
    return parser.parse_args()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    options = arguments()
    threading.stack_size(STACK_BYTES)
    state = options.state.resolve()
    pods_folder(state).mkdir(mode=0o700, parents=True, exist_ok=True)
    assets = os.environ.get("KUBESPHERE_ASSETS")
    api = KubeApi.from_kubeconfig(options.kubeconfig, user_agent="kubelet/sandbox")
    kubelet = Kubelet(
        api, options.name, options.address, options.cluster, state, Path(assets).resolve() if assets else None
    )
    address = (options.address, KUBELET_PORT)
    server = NodeServer(address, options.tls_cert, options.tls_key, options.client_ca, kubelet.find_pod)
    threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
    for serve in (DnsServer(api, options.address, state.parent).run, Cloud(api, options.balanced, state.parent).run):
        threading.Thread(target=serve, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: kubelet.stop())
    kubelet.run()


if __name__ == "__main__":
    main()
