"""The tools that are compared: this collection, and what people would use instead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

import yaml

from tests import peers
from tests.benchmarks.fleet import CONNECTIONS, DIRECT, Fleet
from tests.check.command import environment, tool
from tests.prepare import ROOT
from tests.sandbox import binaries

_PEERS = Path(__file__).parent / "peers"


class Tool(ABC):
    """One way to import members.

    Attributes:
        name: as tables call it.
        connections: the connections that it can make.
    """

    name: str
    connections: tuple[str, ...] = CONNECTIONS

    def prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Fetch what is missing.

        Raises:
            binaries.PreparationError: it could not be had.
        """

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Versions of what the tool consists of."""

    @abstractmethod
    def command(self, fleet: Fleet) -> list[str | Path]:
        """The command that imports all members of a fleet, all at once as far as the tool can."""

    def environment(self, folder: Path) -> dict[str, str]:
        """All of the command's environment; caches live in the given folder and are kept between runs."""
        # kubectl, curl and uri would ask a proxy for the sandbox's addresses.
        direct = {name: value for name, value in environment().items() if not name.lower().endswith("_proxy")}
        return {**direct, "HOME": str(folder), "TMPDIR": str(folder), "ANSIBLE_HOME": str(folder / "ansible")}


class Ours(Tool):
    """This collection's playbook import."""

    name = "ours"

    def __init__(self, playbook: str = "import", forks: int | None = None, **variables: object) -> None:
        """Choose what is run.

        Args:
            playbook: of the collection.
            forks: number of forks; the default is one for each cluster.
            variables: more variables, for all clusters.
        """
        self._playbook = playbook
        self._forks = forks
        self._variables = variables

    def versions(self) -> dict[str, str]:
        """Of the collection, and of ansible-core."""
        return {
            "kubesphere.multicluster": str(yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]),
            "ansible-core": _ansible_core(),
        }

    def command(self, fleet: Fleet) -> list[str | Path]:
        """The playbook, for all members."""
        more: list[str | Path] = ["-e", json.dumps(self._variables)] if self._variables else []
        return [*_playbook(fleet, f"kubesphere.multicluster.{self._playbook}", self._forks), *more]


class Kubectl(Tool):
    """Shell scripts with kubectl, one for each connection."""

    name = "kubectl"

    def prepare(self) -> None:
        """Take a kubectl of the clusters' own version: others ask more, and some are mere wrappers."""
        for command in ("curl", "openssl", "xargs"):
            if shutil.which(command) is None:
                raise binaries.PreparationError(
                    f"{command} is missing, which the script with kubectl needs: install it"
                )
        if self._binary.exists():
            return
        package, work = binaries.PACKAGED["kubectl"], self._folder / "download"
        work.mkdir(parents=True, exist_ok=True)
        work.chmod(0o755)  # apt drops root's rights for a download
        download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", package]
        binaries.run_step(f"download {package} for the comparison", download, cwd=work)
        archive = next(work.glob("*.deb"))
        binaries.run_step(f"unpack {package} for the comparison", ["dpkg-deb", "-x", archive, work])
        (work / "usr" / "bin" / "kubectl").rename(self._binary)
        shutil.rmtree(work)

    def versions(self) -> dict[str, str]:
        """Of kubectl."""
        answer = subprocess.check_output([str(self._binary), "version", "--client", "-o", "json"])
        return {"kubectl": json.loads(answer)["clientVersion"]["gitVersion"]}

    def environment(self, folder: Path) -> dict[str, str]:
        """With that kubectl first on the path."""
        inherited = super().environment(folder)
        return {**inherited, "PATH": f"{self._folder}{os.pathsep}{inherited['PATH']}"}

    @property
    def _folder(self) -> Path:
        return binaries.cache_dir() / "peers" / f"kubectl-{binaries.KUBERNETES_VERSION}"

    @property
    def _binary(self) -> Path:
        return self._folder / "kubectl"

    def command(self, fleet: Fleet) -> list[str | Path]:
        """The script, for all members at a time."""
        script = _PEERS / "kubectl" / f"{fleet.connection}.sh"
        return [script, fleet.host.kubeconfig, fleet.table, str(len(fleet.members))]


class KubernetesCore(Tool):
    """A playbook with the modules of kubernetes.core."""

    name = "kubernetes.core"
    connections = (DIRECT,)

    def prepare(self) -> None:
        """Take the collection out of PyPI's package, once per machine."""
        peers.fetch(sys.executable)

    def versions(self) -> dict[str, str]:
        """Of the collection, of the Kubernetes client, and of ansible-core."""
        manifest = json.loads((peers.path("kubernetes.core") / "MANIFEST.json").read_text())
        return {
            "kubernetes.core": manifest["collection_info"]["version"],
            "kubernetes": _package("kubernetes"),
            "ansible-core": _ansible_core(),
        }

    def command(self, fleet: Fleet) -> list[str | Path]:
        """The playbook, for all members at a time."""
        credential = fleet.inventory.with_name("host-credential.pem")
        return [*_playbook(fleet, _PEERS / "kubernetes_core" / "import.yml"), "-e", f"host_credential={credential}"]

    def environment(self, folder: Path) -> dict[str, str]:
        """With the collection on Ansible's path."""
        return {**super().environment(folder), "ANSIBLE_COLLECTIONS_PATH": str(peers.folder())}


TOOLS: dict[str, Tool] = {each.name: each for each in (Ours(), Kubectl(), KubernetesCore())}
"""All tools by name; the first is what the others are held against."""


def _playbook(fleet: Fleet, playbook: str | Path, forks: int | None = None) -> list[str | Path]:
    # The interpreter is named, so that no module has to look for one.
    interpreter = f"ansible_python_interpreter={tool('python')}"
    number = str(forks or len(fleet.members) + 1)
    return [tool("ansible-playbook"), "-i", fleet.inventory, "-f", number, "-e", interpreter, playbook]


def _ansible_core() -> str:
    return _package("ansible-core")


def _package(name: str) -> str:
    code = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    return subprocess.check_output([str(tool("python")), "-c", code], text=True).strip()
