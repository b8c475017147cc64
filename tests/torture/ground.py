"""Where runs are tortured: a host and a member, a proxy before each of them, and the machine that runs Ansible."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import yaml

from tests.integration.controller import Controller, Fleet, Run, Started, files_below
from tests.integration.kubesphere import CLUSTERS, DEPLOYMENTS, SYSTEM, eventually, names, side_by_side, steer, wipe
from tests.sandbox.cluster import Cluster
from tests.sandbox.sandbox import Sandbox, names_for
from tests.torture import state
from tests.torture.proxy import OPEN, Gate, Proxy

MEMBER = "member-1"
_OURS = "app.kubernetes.io/managed-by"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_SETTLING = 20.0  # seconds that KubeSphere and Kubernetes may need until what a run has caused has happened


class Ground:
    """A fleet of two clusters and everything around it. A context manager."""

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda _: None) -> None:
        """Start nothing yet."""
        self._folder = folder
        self._say = say
        self._stack = ExitStack()
        self._sandbox = Sandbox(folder / "sandbox", names_for(1), say=say)
        self._proxies: list[Proxy] = []
        self._temporary = folder / "tmp"
        self._installed = False
        self.controller = Controller(folder / "controller")
        self.fleet = Fleet()

    def __enter__(self) -> Ground:
        self._stack.enter_context(self._sandbox)
        try:
            side_by_side(steer, self.clusters.values())
            self._proxies = [
                self._stack.enter_context(Proxy(name, cluster.kubeconfig)) for name, cluster in self.clusters.items()
            ]
            self._temporary.mkdir()
            self.fleet = self._proxied()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _proxied(self) -> Fleet:
        """The inventory in which the play goes through the proxies, and KubeSphere does not."""
        ways = {proxy.cluster: str(proxy.write_kubeconfig(self._folder)) for proxy in self._proxies}
        own = {"kubesphere_member_kubeconfig": str(self.member.kubeconfig)}
        return Fleet(
            hosts={"host": {"kubesphere_kubeconfig": ways["host"]}},
            members={MEMBER: {"kubesphere_kubeconfig": ways[MEMBER], **own}},
            everyone={
                "kubesphere_install_timeout": 90,
                "kubesphere_import_timeout": 60,
                "kubesphere_request_timeout": 10,
            },
        )

    @property
    def clusters(self) -> dict[str, Cluster]:
        """The clusters by name."""
        return self._sandbox.clusters

    @property
    def host(self) -> Cluster:
        """The host."""
        return self.clusters["host"]

    @property
    def member(self) -> Cluster:
        """The member."""
        return self.clusters[MEMBER]

    # --- runs -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def behind(self, gate: Gate) -> Iterator[None]:
        """Let a gate decide about all requests."""
        self._gate(gate)
        try:
            yield
        finally:
            self._gate(OPEN)

    def _gate(self, gate: Gate) -> None:
        for proxy in self._proxies:
            proxy.gate = gate

    def start(self, playbook: str, fleet: Fleet, *arguments: str) -> Started:
        """Start a playbook, with a folder of our own for its temporary files."""
        started = self.controller.start(playbook, fleet, *arguments, env={"TMPDIR": str(self._temporary)})
        self._stack.callback(_end, started)  # one that goes on when we are interrupted
        return started

    def run(self, playbook: str, fleet: Fleet, *arguments: str) -> Run:
        """Run a playbook to its end."""
        return self.start(playbook, fleet, *arguments).end()

    def must(self, playbook: str, fleet: Fleet, *arguments: str) -> Run:
        """Run a playbook that has to succeed."""
        run = self.run(playbook, fleet, *arguments)
        assert run.status == 0, run.output
        return run

    # --- where a run begins ---------------------------------------------------------------------------------------

    def bare(self) -> None:
        """KubeSphere was never here; tower will get an address."""
        self._installed = False
        self.host.mend(self.member)
        side_by_side(wipe, self.clusters.values())
        steer(self.host, cloud={"address": "auto"})

    def install(self) -> None:
        """KubeSphere stands on both clusters, and no member is imported; a former installation will do."""
        if self._installed:
            self.host.mend(self.member)
            self.forget()
            return
        self.bare()
        self.must("install", self.fleet)
        self.must("proxy", self.fleet)
        self._installed = True

    def distrust(self) -> None:
        """What stands is not as it should be: the next installation begins on bare clusters."""
        self._installed = False

    def forget(self) -> None:
        """Undo an import by hand, as far as another import needs it."""
        self.host.api.delete(f"{CLUSTERS}/{MEMBER}")
        eventually(lambda: names(self.host) == ["host"], "the Cluster to be gone")
        self.member.api.delete(f"{DEPLOYMENTS}/cluster-agent")
        path = f"{SYSTEM}/configmaps/kubesphere-config"
        content = yaml.safe_load(self.member.api.get(path)["data"]["kubesphere.yaml"])
        if content["multicluster"].pop("clusterName", None):
            self.member.api.patch(path, {"data": {"kubesphere.yaml": yaml.safe_dump(content)}})

    # --- what a run leaves ----------------------------------------------------------------------------------------

    def settled(self) -> state.State:
        """What stands, once nothing changes any more."""
        seen: list[state.State] = [{}]

        def same() -> state.State:
            now = state.of_fleet(self.clusters)
            before, seen[0] = seen[0], now
            return now if now == before else {}

        found: state.State = eventually(same, "nothing to change any more", _SETTLING)
        return found

    def differs(self, expected: state.State) -> str:
        """What does not come to be as expected; empty if everything does."""
        seen = ["nothing could be read"]

        def same() -> bool:
            seen[0] = state.difference(expected, state.of_fleet(self.clusters))
            return not seen[0]

        with contextlib.suppress(AssertionError):
            eventually(same, "the expected state", _SETTLING)
        return seen[0]

    def leftovers(self) -> list[str]:
        """What no run may leave behind, however often it was killed: Jobs, requests, suspended webhooks, files."""
        found = [str(path) for path in files_below(self._temporary, self.controller.home / "tmp")]
        for name, cluster in self.clusters.items():
            for path in ("/apis/batch/v1/jobs", _REQUESTS):
                ours = [
                    item for item in cluster.api.get(path)["items"] if _OURS in (item["metadata"].get("labels") or {})
                ]
                found += [f"{path.rpartition('/')[2]} {item['metadata']['name']} on {name}" for item in ours]
            for item in cluster.api.get(_WEBHOOKS)["items"]:
                noted = [key for key in item["metadata"].get("annotations") or {} if "suspended" in key]
                found += [f"{key} at webhook {item['metadata']['name']} on {name}" for key in noted]
        return found

    def clear_files(self) -> None:
        """Remove what a finding left, so that it is told once."""
        for path in files_below(self._temporary, self.controller.home / "tmp"):
            path.unlink(missing_ok=True)


def _end(run: Started) -> None:
    if run.process.poll() is None:
        run.kill()
