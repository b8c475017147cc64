"""Secrets stay secret: planted ones are looked for in everything that a run says and leaves behind."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet, Run, Started, files_below
from tests.integration.kubesphere import CONFIGURATION, configuration, jwt_secret, steer
from tests.sandbox.cluster import Cluster

JWT_SECRET = "Qx7vKp2LmZ9tRw4YcB6nHs8JdF3gTa5U"
OTHER_SECRET = "Zk3wNq8PfX5bVh2GyC7mDr9LsJ4tEa6K"
BROKEN_SECRET = "Wb5$(id)Hn7Tz;Kc2Mv9|Rp4`Gy6`Ls8"
PIECE = 12
"""Characters; a part of this length of a secret is a leak, too."""

_READ_AT_MOST = 20_000_000


class Needles:
    """Secrets, cut into pieces: plain, in base64 at each of its three alignments, and as JSON writes them."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.pieces: dict[str, str] = {}
        for name, secret in secrets.items():
            for form in (secret, *_base64(secret)):
                for start in range(max(1, len(form) - PIECE + 1)):
                    self.pieces[form[start : start + PIECE]] = name

    def found_in(self, text: str) -> set[str]:
        """Names of the secrets of which a piece stands in a text."""
        # Every piece of the text is looked up once: some thousand needles would be looked for one after the other.
        return {
            self.pieces[text[start : start + PIECE]]
            for start in range(len(text) - PIECE + 1)
            if text[start : start + PIECE] in self.pieces
        }


def _base64(secret: str) -> Iterator[str]:
    """What does not depend on the neighbours of a secret in the base64 of a text that it stands in."""
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + secret.encode()).decode().rstrip("=")
        yield encoded[(before * 8 + 5) // 6 : -1]


class Watch:
    """Samples the command lines of all processes that carry a marker, and the temporary files that come and go.

    Attributes:
        command_lines: what was seen.
        leaks: names of the secrets that were found, by temporary file.
    """

    def __init__(self, marker: str, needles: Needles) -> None:
        self.command_lines: set[str] = set()
        self.leaks: dict[str, set[str]] = {}
        self.samples = 0
        self._needles = needles
        self._folders: set[Path] = set()
        self._seen: set[tuple[str, int, int]] = set()
        self._marker = marker.encode()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    variables = (process / "environ").read_bytes().split(b"\0")
                    if self._marker in variables:
                        self._folders |= {Path(os.fsdecode(each[7:])) for each in variables if each[:7] == b"TMPDIR="}
                        line = (process / "cmdline").read_bytes()
                        self.command_lines.add(line.replace(b"\0", b" ").decode(errors="replace"))
                        self.samples += 1
                except OSError:
                    continue  # it has ended
            for path in files_below(*self._folders):
                with contextlib.suppress(OSError):  # it is gone
                    self._look(path)

    def _look(self, path: Path) -> None:
        status = path.stat()
        state = (str(path), status.st_mtime_ns, status.st_size)
        if state in self._seen or status.st_size > _READ_AT_MOST:
            return
        self._seen.add(state)
        found = self._needles.found_in(path.read_text(errors="replace"))
        if found:
            self.leaks[str(path)] = found


@pytest.fixture(scope="module")
def kubeconfigs(clusters: dict[str, Cluster]) -> dict[str, dict[str, Any]]:
    """Kubeconfigs by cluster, all credentials distinct: certificates, and for the second member a token."""
    found = {name: yaml.safe_load(cluster.kubeconfig.read_text()) for name, cluster in clusters.items()}
    member = clusters["member-2"]
    member.api.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "fleet"}})
    binding = {
        "metadata": {"name": "fleet"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "fleet", "namespace": "default"}],
    }
    member.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    found["member-2"] = yaml.safe_load(member.token_kubeconfig("fleet").read_text())
    return found


@pytest.fixture(scope="module")
def needles(kubeconfigs: dict[str, dict[str, Any]]) -> Needles:
    """Everything that must not be seen."""
    secrets = {"jwtSecret": JWT_SECRET, "other jwtSecret": OTHER_SECRET, "broken jwtSecret": BROKEN_SECRET}
    for name, content in kubeconfigs.items():
        user = content["users"][0]["user"]
        if "token" in user:
            # The header is the same for all tokens of a cluster, and no secret.
            secrets[f"token of {name}"] = user["token"].partition(".")[2]
        else:
            key = base64.b64decode(user["client-key-data"]).decode()
            lines = [line for line in key.splitlines() if not line.startswith("-----")]
            # The first line begins as every key of this kind does.
            secrets[f"client key of {name}"] = "".join(lines)[48:]
            secrets[f"client-key-data of {name}"] = user["client-key-data"][100:-64]
    return Needles(secrets)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the reports."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def secret_fleet(
    fleet: Fleet, kubeconfigs: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, pictures: Path
) -> Fleet:
    """The fleet with its secrets given in each way there is: as a path, as a mapping, as a text."""
    path = tmp_path_factory.mktemp("kubeconfigs") / "host"
    path.write_text(yaml.safe_dump(kubeconfigs["host"]))
    wanted = fleet.with_host(kubesphere_kubeconfig=str(path))
    wanted = wanted.with_member("member-1", kubesphere_kubeconfig=kubeconfigs["member-1"])
    wanted = wanted.with_member("member-2", kubesphere_kubeconfig=yaml.safe_dump(kubeconfigs["member-2"]))
    return wanted.with_all(kubesphere_jwt_secret=JWT_SECRET, report_dir=str(pictures))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the fact cache."""
    return tmp_path_factory.mktemp("facts")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the JUnit reports."""
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def environment(cache: Path, reports: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of all runs: facts, figures and reports in files, temporary files, and what processes are known by."""
    return {
        "ANSIBLE_CALLBACKS_ENABLED": "record,ansible.builtin.junit",
        "ANSIBLE_SHOW_CUSTOM_STATS": "true",
        "JUNIT_OUTPUT_DIR": str(reports),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache),
        "TMPDIR": str(tmp_path_factory.mktemp("tmp")),
        "INTEGRATION_TEST_OF_SECRETS": "1",
    }


def ended(started: Started, needles: Needles) -> Run:
    """The run, which showed no secret, neither on its command lines nor in its output nor in its results."""
    with Watch("INTEGRATION_TEST_OF_SECRETS=1", needles) as seen:
        run = started.end()
    assert seen.leaks == {}
    assert any("ansible-playbook" in line for line in seen.command_lines), "no process was seen"
    assert needles.found_in("\n".join(seen.command_lines)) == set()
    assert needles.found_in(run.output) == set()
    for task in run.tasks:
        shown = {key: value for key, value in task.result.items() if key != "invocation"}
        assert needles.found_in(json.dumps(shown)) == set(), task.task
    return run


def test_needles_are_found(needles: Needles) -> None:
    """The search itself finds a secret however it is written, and is not content with less."""
    for around in ("", "a", "ab"):
        text = f"{around}{JWT_SECRET}:"
        assert needles.found_in(text) == {"jwtSecret"}
        assert needles.found_in(base64.b64encode(text.encode()).decode()) == {"jwtSecret"}
    assert needles.found_in(f"it begins with {JWT_SECRET[:PIECE]} and") == {"jwtSecret"}
    assert needles.found_in(f"it ends with {JWT_SECRET[-PIECE:]}") == {"jwtSecret"}
    assert needles.found_in(f"it begins with {JWT_SECRET[: PIECE - 1]} and") == set()


@pytest.fixture(scope="module")
def foretold(controller: Controller, secret_fleet: Fleet, environment: dict[str, str], needles: Needles) -> Run:
    run = ended(controller.start("site", secret_fleet, "--check", "--diff", "-vvvv", env=environment), needles)
    assert run.status == 0, run.output
    return run


@pytest.fixture(scope="module")
def first(
    controller: Controller, secret_fleet: Fleet, environment: dict[str, str], needles: Needles, foretold: Run
) -> Run:
    assert foretold.actions
    run = ended(controller.start("site", secret_fleet, "--diff", "-vvvv", env=environment), needles)
    assert run.status == 0, run.output
    return run


def test_first_run_shows_no_secret(first: Run, host: Cluster) -> None:
    assert jwt_secret(host) == JWT_SECRET  # it is in use, so it could have been shown
    assert "jwtSecret" in json.dumps(first.diffs)
    assert "***" in first.output


def test_second_run_shows_no_secret(
    controller: Controller, secret_fleet: Fleet, environment: dict[str, str], needles: Needles, first: Run
) -> None:
    assert first.status == 0
    run = ended(controller.start("site", secret_fleet, "-vvvv", env=environment), needles)
    assert run.status == 0, run.output
    assert not any(run.changed.values())


def test_difference_of_secrets_is_shown_without_them(
    controller: Controller, secret_fleet: Fleet, environment: dict[str, str], needles: Needles, first: Run
) -> None:
    assert first.status == 0
    wanted = secret_fleet.with_all(kubesphere_jwt_secret=OTHER_SECRET)
    run = ended(controller.start("site", wanted, "--check", "--diff", "-vvvv", env=environment), needles)
    assert run.status == 0, run.output
    [diff] = [each for each in run.diffs if each["after_header"].endswith("on host")]
    before, after = (diff[side]["spec"]["authentication"]["jwtSecret"] for side in ("before", "after"))
    assert (before, after) == ("*** (before)", "*** (after)")


@pytest.mark.usefixtures("first")
def test_a_picture_of_differing_secrets_shows_none(
    controller: Controller, secret_fleet: Fleet, environment: dict[str, str], needles: Needles, pictures: Path
) -> None:
    wanted = secret_fleet.with_all(kubesphere_jwt_secret=OTHER_SECRET)
    run = ended(controller.start("status", wanted, "-vvvv", env=environment), needles)
    assert run.status == 0, run.output
    texts = {file.name: file.read_text() for file in files_below(pictures)}
    assert texts.keys() == {"report.json", "report.md", "index.html"}
    for text in texts.values():
        assert "authentication.jwtSecret" in text
        assert needles.found_in(text) == set()


def test_refusal_does_not_repeat_the_secret(
    controller: Controller, secret_fleet: Fleet, environment: dict[str, str], needles: Needles
) -> None:
    for value in (BROKEN_SECRET, [OTHER_SECRET], {"secret": OTHER_SECRET}):
        wanted = secret_fleet.with_all(kubesphere_jwt_secret=value)
        run = ended(controller.start("preflight", wanted, "-vvvv", env=environment), needles)
        assert run.status == 2
        assert "jwtSecret" in run.failures["host"]
    run = ended(
        controller.start(
            "install",
            secret_fleet.with_all(kubesphere_configuration={"authentication": {"jwtSecret": OTHER_SECRET}}),
            "-vvvv",
            env=environment,
        ),
        needles,
    )
    assert run.status == 2
    assert "authentication.jwtSecret" in run.failures["host"]


def test_broken_kubeconfig_is_not_repeated(
    controller: Controller,
    secret_fleet: Fleet,
    kubeconfigs: dict[str, dict[str, Any]],
    environment: dict[str, str],
    needles: Needles,
) -> None:
    broken = yaml.safe_dump(kubeconfigs["member-1"]).replace("users:", "users: [")
    no_base64 = json.loads(json.dumps(kubeconfigs["member-1"]))
    no_base64["users"][0]["user"]["client-key-data"] += "&"
    no_key = json.loads(json.dumps(kubeconfigs["member-1"]))
    no_key["users"][0]["user"]["client-key-data"] = base64.b64encode(JWT_SECRET.encode()).decode()
    for given in (broken, no_base64, no_key):
        wanted = secret_fleet.with_member("member-1", kubesphere_kubeconfig=given)
        run = ended(controller.start("preflight", wanted, "-vvvv", env=environment), needles)
        assert run.status == 2, run.output


def test_failing_installer_that_prints_the_secret(
    controller: Controller,
    secret_fleet: Fleet,
    environment: dict[str, str],
    needles: Needles,
    clusters: dict[str, Cluster],
    first: Run,
    tmp_path: Path,
) -> None:
    """What other programs say is passed on, but not a secret that stands in it, and not as a template."""
    assert first.status == 0
    member = clusters["member-1"]
    template = f"{{{{ lookup('pipe', 'touch {tmp_path}/sprung') }}}}"
    steer(member, installer={"fail": "monitoring", "message": f"curl -H 'X-Key: {JWT_SECRET}' failed {template}"})
    try:
        member.api.patch(CONFIGURATION, {"spec": {"terminal": {"timeout": 601}}})
        wanted = secret_fleet.with_member("member-1", kubesphere_configuration={"terminal": {"timeout": 602}})
        run = ended(controller.start("install", wanted, "-vvvv", "--limit", "member-1", env=environment), needles)
        assert run.status == 2, run.output
        assert "monitoring" in run.failures["member-1"]
        assert template in run.failures["member-1"]
        assert not (tmp_path / "sprung").exists()
    finally:
        steer(member)
    run = controller.playbook("install", secret_fleet, "--limit", "member-1", env=environment)
    assert run.status == 0, run.output


@pytest.mark.usefixtures("first")
def test_results_that_a_user_keeps_hold_no_secret(
    controller: Controller,
    secret_fleet: Fleet,
    cache: Path,
    environment: dict[str, str],
    needles: Needles,
    tmp_path: Path,
) -> None:
    """A user caches what the roles have registered, of a run that plans to change every secret."""
    kept = ("rollout_road", "report_fleet")
    facts = {name: f"{{{{ {name} | default({{}}) }}}}" for name in kept}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.set_fact": {"cacheable": True, **{f"my_{n}": v for n, v in facts.items()}}},
            {"ansible.builtin.set_stats": {"data": facts, "per_host": True}},
        ],
    }
    book = tmp_path / "keep.yml"
    book.write_text(yaml.safe_dump([{"import_playbook": "kubesphere.multicluster.site"}, play]))
    wanted = secret_fleet.with_all(kubesphere_jwt_secret=OTHER_SECRET)
    run = ended(controller.start(book, wanted, "--check", "--diff", env=environment), needles)
    assert run.status == 0, run.output
    assert "CUSTOM STATS" in run.output
    texts = {path.name.rpartition("_")[2]: path.read_text() for path in cache.iterdir()}
    assert {"host", "member-1", "member-2"} <= set(texts)
    assert "change authentication.jwtSecret" in texts["host"]
    for text in texts.values():
        assert needles.found_in(text) == set()
        assert "PRIVATE KEY" not in text


def test_rendered_manifests_are_for_their_owner(
    controller: Controller, secret_fleet: Fleet, environment: dict[str, str], needles: Needles, tmp_path: Path
) -> None:
    """They are the only files that hold a secret, for that is what they are for."""
    wanted = secret_fleet.with_all(kubesphere_render_dir=str(tmp_path / "manifests"))
    run = ended(controller.start("render", wanted, "-vvvv", "--diff", env=environment), needles)
    assert run.status == 0, run.output
    files = list(files_below(tmp_path / "manifests"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert any(needles.found_in(path.read_text()) == {"jwtSecret"} for path in files)


@pytest.mark.usefixtures("first")
def test_reports_hold_no_secret(reports: Path, needles: Needles) -> None:
    texts = [path.read_text() for path in files_below(reports)]
    assert any("kubesphere.multicluster" in text for text in texts)
    assert [needles.found_in(text) for text in texts] == [set()] * len(texts)


@pytest.mark.usefixtures("first")
def test_nothing_is_left_behind(controller: Controller, environment: dict[str, str], needles: Needles) -> None:
    """Neither in Ansible's home nor among the temporary files."""
    folder = Path(environment["TMPDIR"])
    leaks = {}
    for path in files_below(controller.home, folder):
        assert path.stat().st_size < _READ_AT_MOST, path
        found = needles.found_in(path.read_text(errors="replace"))
        if found:
            leaks[str(path)] = found
    assert leaks == {}
    assert list(files_below(folder)) == []


@pytest.mark.usefixtures("first")
def test_audit_logs_hold_no_secret(clusters: dict[str, Cluster], needles: Needles) -> None:
    """URLs, user names and annotations are on record at every API server."""
    for cluster in clusters.values():
        events = cluster.audit_events(0, "kubesphere.multicluster/")
        assert events
        assert needles.found_in(json.dumps(events)) == set()


def test_cluster_holds_the_secret_where_kubesphere_wants_it(host: Cluster, first: Run) -> None:
    assert first.status == 0
    assert configuration(host)["spec"]["authentication"]["jwtSecret"] == JWT_SECRET
