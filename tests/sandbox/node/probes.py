"""Probes: what kubelet asks a container to know whether it lives and is ready."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from pathlib import Path

from ..kubeapi import Object
from .processes import Record

KINDS = ("startupProbe", "readinessProbe", "livenessProbe")

TITLES = {"startupProbe": "Startup", "readinessProbe": "Readiness", "livenessProbe": "Liveness"}

OUTPUT_BYTES = 10 * 1024


def check(probe: Object, container: Object, address: str, process: Record) -> tuple[bool, str]:
    """Ask once.

    Args:
        probe: the probe's spec.
        container: the container's spec, for the names of its ports.
        address: the pod's.
        process: the container's process, for ``exec``.

    Returns:
        Whether the container passed, and what kubelet says of a failure.
    """
    timeout = float(probe.get("timeoutSeconds") or 1)
    if action := probe.get("httpGet"):
        return _http(action, _port(action, container), address, timeout)
    if action := probe.get("tcpSocket"):
        return _tcp(action.get("host") or address, _port(action, container), timeout)
    if action := probe.get("exec"):
        return _exec(action.get("command") or [], process, timeout)
    return False, "missing probe handler"


def _port(action: Object, container: Object) -> int:
    port = action["port"]
    if isinstance(port, int):
        return port
    named = {entry.get("name"): entry["containerPort"] for entry in container.get("ports") or ()}
    return int(named.get(port) or port)


def _http(action: Object, port: int, address: str, timeout: float) -> tuple[bool, str]:
    scheme = str(action.get("scheme") or "HTTP").lower()
    host, path = action.get("host") or address, action.get("path") or "/"
    url = f"{scheme}://{host}:{port}/{path.removeprefix('/')}"
    headers = {"User-Agent": "kube-probe/1.20", "Accept": "*/*", "Connection": "close"}
    headers |= {entry["name"]: entry["value"] for entry in action.get("httpHeaders") or ()}
    connection: http.client.HTTPConnection
    if scheme == "https":
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/" + path.removeprefix("/"), headers=headers)
        status = connection.getresponse().status
    except TimeoutError:
        return False, f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    except ConnectionRefusedError:
        return False, f'Get "{url}": dial tcp {host}:{port}: connect: connection refused'
    except (OSError, http.client.HTTPException) as error:
        return False, f'Get "{url}": {error}'
    finally:
        connection.close()
    return 200 <= status < 400, f"HTTP probe failed with statuscode: {status}"


def _tcp(host: str, port: int, timeout: float) -> tuple[bool, str]:
    try:
        socket.create_connection((host, port), timeout).close()
    except TimeoutError:
        return False, f"dial tcp {host}:{port}: i/o timeout"
    except OSError as error:
        return False, f"dial tcp {host}:{port}: connect: {(error.strerror or str(error)).lower()}"
    return True, ""


def _exec(command: list[str], process: Record, timeout: float) -> tuple[bool, str]:
    entered = ["nsenter", "-t", str(process.pid), "--mount", "--pid", "--uts", "--root", "--wd", "--", *command]
    try:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        variables = dict(entry.split(b"=", 1) for entry in environment if b"=" in entry)
        done = subprocess.run(
            entered,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=variables,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f'command "{" ".join(command)}" timed out'
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout[:OUTPUT_BYTES].decode(errors="replace")
