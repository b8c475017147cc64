"""The callback progress: what one sees of a run while it waits, in a terminal and in a log."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml

from tests.check.command import environment, tool
from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import eventually, steer
from tests.integration.window import Window
from tests.prepare import MAIN, OLDEST, Environment
from tests.sandbox.cluster import Cluster

ENABLED = {"ANSIBLE_CALLBACKS_ENABLED": "record,kubesphere.multicluster.progress"}
LOCAL = Fleet(hosts={"hub": {"ansible_connection": "local"}})
HEAD = re.compile(r"(\d+ h )?(\d+ min )?\d+ s: ")
ROW = re.compile(r"  (preflight|install|wait|import|and)  ?")
CONTROL = re.compile(r"[^\n\x20-\x7e\u00a0-\uffff]")
VERSIONS = pytest.mark.parametrize("venv", [MAIN, OLDEST], ids=lambda venv: venv.name)


def told(kind: str, cluster: str = "hamburg", **more: str) -> dict[str, Any]:
    """A step of the task ``tell``."""
    return {"tell": {"kind": kind, "cluster": cluster, "phase": "wait", **more}}


BEGUN, ENDED = told("begun"), told("ended")
WAITS = told("waits", text="hamburg: waiting until it rains: the sky is blue")


def telling(folder: Path, *steps: Any) -> Path:
    """A playbook with a task that tells what it does, and one before and after."""
    tasks = [
        {"name": "Before", "ansible.builtin.debug": {"msg": "it begins"}},
        {"name": "Work", "tell": {"steps": list(steps)}},
        {"name": "After", "ansible.builtin.debug": {"msg": "it has ended"}},
    ]
    playbook = folder / "telling.yml"
    folder.mkdir(exist_ok=True)
    play = {"hosts": "hub", "gather_facts": False, "tasks": tasks}
    playbook.write_text(yaml.safe_dump([play]))
    return playbook


def block(view: Sequence[str]) -> list[str]:
    """The lines of the block; empty if none is shown."""
    heads = [number for number, line in enumerate(view) if HEAD.match(line)]
    return list(view[heads[0] :]) if heads else []


def assert_clean(window: Window) -> None:
    """Nothing is left of any block, not in what has scrolled away either."""
    assert not [line for line in window.text if HEAD.match(line) or ROW.match(line) or "more" in line], window.text


@VERSIONS
def test_a_terminal_shows_it_below_everything_else(tmp_path: Path, venv: Environment) -> None:
    said = [step for number in range(40) for step in ({"say": f"said {number}"}, {"sleep": 0.03})]
    warned = [{"warn": "a warning that is long enough for one line"}, {"sleep": 0.3}]
    steps = [BEGUN, WAITS, {"sleep": 1.3}, *said, *warned, ENDED, {"sleep": 0.2}]
    window = Controller(tmp_path, venv).window(telling(tmp_path, *steps), LOCAL, env=ENABLED, columns=60, lines=12)
    assert window.end() == 0, window.text
    blocks = [block(view) for view in window.views]
    assert next(each for each in blocks if each) == [
        "1 s: 1 at work",
        "  wait  1 s  hamburg: until it rains: the sky is blue",
    ]
    assert all(len(each) in (0, 2) for each in blocks)
    begins = blocks.index(next(filter(None, blocks)))
    ends = len(blocks) - 1 - blocks[::-1].index(next(filter(None, blocks[::-1])))
    assert all(blocks[begins : ends + 1]), "it flickers"
    assert_clean(window)
    assert [line for line in window.text if line.startswith("said")] == [f"said {number}" for number in range(40)]
    assert "ok: [hub]" in window.text
    assert '    "msg": "it has ended"' in window.text
    assert any(line.startswith("[WARNING]: a warning") for line in window.text)
    assert any(line.startswith("hub ") and "ok=3" in line for line in window.text)


@VERSIONS
def test_the_window_may_change(tmp_path: Path, venv: Environment) -> None:
    steps = [BEGUN, WAITS, {"sleep": 4}, {"say": "said"}, {"sleep": 1}, ENDED]
    window = Controller(tmp_path, venv).window(telling(tmp_path, *steps), LOCAL, env=ENABLED, columns=100, lines=12)
    window.until(lambda view: bool(block(view)), "a block")
    window.resize(30, 12)
    narrow = window.until(lambda view: any(line.endswith("…") for line in block(view)), "a narrow block")
    assert re.fullmatch(r"  wait  \d s  hamburg: the sky…", block(narrow)[1])
    window.resize(100, 12)
    window.until(lambda view: any(line.endswith("blue") for line in block(view)), "a wide block")
    assert window.end() == 0
    assert "said" in window.text
    assert_clean(window)


def test_an_interrupted_run_leaves_a_clean_screen(tmp_path: Path) -> None:
    steps = [BEGUN, WAITS, {"sleep": 60}]
    window = Controller(tmp_path).window(telling(tmp_path, *steps), LOCAL, env=ENABLED)
    window.until(lambda view: bool(block(view)), "a block")
    window.type("\x03")
    assert window.end(20) != 0
    assert any("interrupted" in line for line in window.text)
    assert_clean(window)


@pytest.mark.parametrize(
    "env", [{"TERM": "dumb"}, {"CI": "true"}, {"KUBESPHERE_PROGRESS_MODE": "lines"}, {"AWX_ISOLATED_DATA_DIR": "/x"}]
)
def test_a_terminal_that_nobody_draws_on(tmp_path: Path, env: dict[str, str]) -> None:
    controller = Controller(tmp_path)
    playbook = telling(tmp_path, BEGUN, WAITS, {"sleep": 1.5}, ENDED)
    command, where, environ = controller._prepared(controller._playbook(playbook), LOCAL, ENABLED)
    window = Window(command, where, {**environ, "TERM": "xterm", "CI": "", **env}, 100, 30)
    assert window.end() == 0
    assert "    … hamburg: waiting until it rains: the sky is blue" in window.text
    assert b"\x1b" not in window.written


@pytest.mark.parametrize(("env", "red"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_ansibles(tmp_path: Path, env: dict[str, str], red: bool) -> None:
    counts = {"tell": {"kind": "counts", "counts": {"wait": [3, 2, 9]}}}
    controller = Controller(tmp_path)
    playbook = telling(tmp_path, counts, BEGUN, {"sleep": 1.5}, {"tell": {"kind": "over"}})
    command, where, environ = controller._prepared(controller._playbook(playbook), LOCAL, ENABLED)
    environ.pop("ANSIBLE_NOCOLOR")
    window = Window(command, where, {**environ, "TERM": "xterm-256color", "CI": "", **env}, 100, 30)
    assert window.end() == 0
    assert b"wait 3/9" in window.written
    assert (re.search(rb"\x1b\[[0-9;]*m2 failed\x1b\[0m", window.written) is not None) is red
    assert (re.search(rb"\x1b\[[0-9;]*m", window.written) is not None) is red


def test_a_cluster_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    evil = "hamburg: \x1b[2J\x1b[31mred\x1b]0;title\x07\r\n\x9b5n\u202egone"
    steps = [BEGUN, told("waits", text=evil), {"sleep": 1.5}, ENDED]
    window = Controller(tmp_path).window(telling(tmp_path, *steps), LOCAL, env=ENABLED)
    assert window.end() == 0
    [row] = {each[1][:60] for each in map(block, window.views) if each}
    assert row.startswith("  wait  1 s  hamburg: \\x1b[2J\\x1b[31mred\\x1b]0;title\\x07 ")
    allowed = re.compile(rb"\x1b\[(J|\d*A|\?7[lh])")
    assert b"\x1b" not in allowed.sub(b"", window.written)
    run = Controller(tmp_path / "log").playbook(telling(tmp_path, *steps), LOCAL, env=ENABLED)
    assert "    … hamburg: \\x1b[2J\\x1b[31mred" in run.output
    assert not CONTROL.search(run.output)


@VERSIONS
def test_a_log_is_never_silent_and_never_held_back(tmp_path: Path, venv: Environment) -> None:
    steps = [BEGUN, WAITS, {"sleep": 4}, ENDED, {"sleep": 2}]
    env = {**ENABLED, "KUBESPHERE_PROGRESS_HEARTBEAT": "1", "PYTHONUNBUFFERED": ""}
    started = Controller(tmp_path, venv).start(telling(tmp_path, *steps), LOCAL, env=env)
    seen = eventually(lambda: " s: hamburg: until it rains" in started.output and started.output, "a sign of life")
    assert started.process.poll() is None
    assert "TASK [Work]" in seen
    run = started.end()
    assert run.status == 0
    beats = [line for line in run.output.splitlines() if "1 at work; wait" in line]
    assert 3 <= len(beats) <= 4
    assert beats[1] == "    … 2 s: 1 at work; wait 2 s: hamburg: until it rains: the sky is blue"
    assert "    … hamburg: waiting until it rains: the sky is blue" in run.output.splitlines()
    assert not CONTROL.search(run.output)


def test_much_is_counted_in_a_log(tmp_path: Path) -> None:
    run = Controller(tmp_path).playbook(telling(tmp_path, {"many": 1000}, {"sleep": 11}), LOCAL, env=ENABLED)
    assert run.status == 0
    lines = [line for line in run.output.splitlines() if line.startswith("    … ")]
    assert 61 <= len(lines) <= 63
    assert re.search(
        r"1000 at work; wait 1\d s: cluster-0, cluster-7 and 141 more: until 0; .*\(940 lines left out\)", run.output
    )


def test_lines_can_be_had_beside_the_block(tmp_path: Path) -> None:
    log = tmp_path / "ansible.log"
    playbook = telling(tmp_path, BEGUN, WAITS, {"sleep": 1.5}, ENDED)
    controller = Controller(tmp_path / "c")
    window = controller.window(playbook, LOCAL, "-v", env={**ENABLED, "ANSIBLE_LOG_PATH": str(log)})
    assert window.end() == 0
    assert "    … hamburg: waiting until it rains: the sky is blue" in window.text
    quiet = controller.window(playbook, LOCAL, env={**ENABLED, "ANSIBLE_LOG_PATH": str(log)})
    assert quiet.end() == 0
    assert not [line for line in quiet.text if "waiting" in line]
    assert log.read_text().count("hamburg: waiting until it rains") == 2
    assert "\x1b" not in log.read_text()


@VERSIONS
def test_a_defect_of_it_ends_no_run(tmp_path: Path, venv: Environment) -> None:
    steps = [{"tell": {"kind": "counts", "counts": "no counts"}}, {"sleep": 0.5}, WAITS, {"say": "said"}]
    run = Controller(tmp_path, venv).playbook(telling(tmp_path, *steps), LOCAL, env=ENABLED)
    assert run.status == 0
    assert "kubesphere.multicluster.progress shows nothing more" in run.output
    assert "    … hamburg: waiting until it rains: the sky is blue" in run.output.splitlines()
    assert run.output.count("[WARNING]") == 1
    again = Controller(tmp_path / "window", venv).window(telling(tmp_path, *steps), LOCAL, env=ENABLED)
    assert again.end() == 0
    assert "said" in again.text


def test_the_slowest_are_named_at_the_end(tmp_path: Path) -> None:
    other = [told("begun", "berlin"), told("ended", "berlin")]
    run = Controller(tmp_path).playbook(telling(tmp_path, BEGUN, *other, {"sleep": 11}, ENDED), LOCAL, env=ENABLED)
    *_before, title, first, second = run.output.strip().splitlines()
    assert title == "Of 2 clusters these took longest:"
    assert first == "  hamburg  11 s  wait 11 s"
    assert second.startswith("  berlin    0 s")


def test_ansible_runner_and_awx_get_lines_though_they_give_it_a_terminal(tmp_path: Path) -> None:
    env = {"TERM": "xterm", "CI": "", "ANSIBLE_ACTION_PLUGINS": str(Path(__file__).with_name("plugins") / "action")}
    playbook = telling(tmp_path, BEGUN, WAITS, {"sleep": 2.5}, ENDED)
    (tmp_path / "data").mkdir()
    run = ansible_runner.run(
        private_data_dir=str(tmp_path / "data"),
        playbook=str(playbook),
        inventory="hub ansible_connection=local",
        envvars=environment({**env, **ENABLED, "KUBESPHERE_PROGRESS_HEARTBEAT": "1"}),
        quiet=True,
    )
    assert run.status == "successful"
    said = [str(event["stdout"]) for event in run.events if event["event"] == "verbose"]
    assert "    … hamburg: waiting until it rains: the sky is blue" in said
    assert "    … 1 s: 1 at work; wait 1 s: hamburg: until it rains: the sky is blue" in said


def test_without_it_each_reason_is_a_line_as_ever(tmp_path: Path) -> None:
    run = Controller(tmp_path).playbook(telling(tmp_path, BEGUN, WAITS, ENDED), LOCAL)
    assert "    … hamburg: waiting until it rains: the sky is blue" in run.output.splitlines()


def test_its_documentation_reads() -> None:
    argv = [str(tool("ansible-doc")), "-t", "callback", "kubesphere.multicluster.progress"]
    shown = subprocess.run(argv, env=environment({"NO_COLOR": "1"}), capture_output=True, text=True, check=True)
    for option in ("mode", "height", "heartbeat", "lines_per_minute", "slowest"):
        assert f"key: {option}" in shown.stdout
        assert f"KUBESPHERE_PROGRESS_{option.upper()}" in shown.stdout
    assert "WARNING" not in shown.stderr


# With clusters


@pytest.fixture(scope="module")
def slow(clusters: dict[str, Cluster]) -> dict[str, Cluster]:
    """Clusters whose ks-installers take their time; the second member's takes longest."""
    for seconds, cluster in zip((2, 5, 9), clusters.values()):
        steer(cluster, installer={"duration": seconds})
    return clusters


def test_a_run_of_site(slow: dict[str, Cluster], fleet: Fleet, controller: Controller) -> None:
    assert len(slow) == 3
    window = controller.window("site", fleet, env=ENABLED, columns=120)
    assert window.end() == 0, window.text
    blocks = [each for each in map(block, window.views) if each]
    heads = " ".join(each[0] for each in blocks)
    rows = {re.sub(r" +\d+ s", " N s", row) for each in blocks for row in each[1:]}
    assert "preflight 3/3 · install 3/3 · wait 1/3" in heads
    assert any(row.startswith("  wait N s  member-2: the components are not all installed yet") for row in rows), rows
    assert_clean(window)
    text = "\n".join(window.text)
    assert "    … wait: 3 as they should be, 0 changed, 0 failed" in text
    assert "waiting until" not in text
    assert re.search(r"PHASE +CLUSTERS +SUCCESS", text)
    assert re.search(r"host +: ok=\d+ +changed=1 .* failed=0", text)


def test_a_run_with_a_failure_and_its_log(slow: dict[str, Cluster], fleet: Fleet, controller: Controller) -> None:
    broken = fleet.with_member("member-2", kubesphere_kubeconfig="/nowhere")
    run: Run = controller.playbook("site", broken, env={**ENABLED, "KUBESPHERE_PROGRESS_HEARTBEAT": "1"})
    assert run.status != 0
    assert "    … member-2: preflight" in run.output
    assert not CONTROL.search(run.output)
    assert slow


def test_the_oldest_ansible_and_tasks_of_their_own(slow: dict[str, Cluster], fleet: Fleet, tmp_path: Path) -> None:
    """Several workers at once, each for one cluster, tell by the same pipe."""
    for cluster in slow.values():
        steer(cluster, installer={"duration": 4})
    changed = fleet.with_all(kubesphere_configuration={"devops": {"enabled": True}})
    window = Controller(tmp_path, OLDEST).window("each", changed, env=ENABLED, columns=120)
    assert window.end(180) == 0, window.text
    rows = {re.sub(r" +\d+ s", " N s", row) for view in window.views for row in block(view)}
    assert any(re.match(r"\d+ s: [23] at work", row) for row in rows), rows
    # which of them share a row, and which is named first, is chance: the one that has waited longest
    told = r"  wait N s  (host|member-.)(, .*)?: .*its run goes on; ks-installer: "
    assert any(re.match(told, row) for row in rows), rows
    assert_clean(window)
