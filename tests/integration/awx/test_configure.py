"""The playbook applies the data with the modules of awx.awx, to a stand-in that refuses what AWX refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.awx.api import TOKEN, Awx, Object, Refused, serving
from tests.integration.awx.conftest import AWX, ansible, settings

PLAYBOOKS = [f"playbooks/{file.name}" for file in (AWX / "project" / "playbooks").iterdir()]


@dataclass
class Configured:
    """AWX after the playbook has run, and how to run it again."""

    awx: Awx
    folder: Path
    address: str
    output: str

    def again(self, *arguments: str) -> list[str]:
        """What one more run writes."""
        self.awx.writes.clear()
        self.output = apply(self.folder, self.address, *arguments)
        return list(self.awx.writes)


def apply(folder: Path, address: str, *arguments: str) -> str:
    env = {"CONTROLLER_HOST": address, "CONTROLLER_OAUTH_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
    return ansible(folder, AWX / "configure.yml", "-e", f"@{settings(folder)}", *arguments, env=env)


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configured]:
    folder = tmp_path_factory.mktemp("configure")
    awx = Awx(PLAYBOOKS)
    with serving(awx) as address:
        yield Configured(awx, folder, address, apply(folder, address))


def test_the_workflow_goes_from_the_plan_to_the_run(configured: Configured) -> None:
    awx = configured.awx
    workflow = awx.named("workflow_job_templates", "KubeSphere: plan, approve, run")
    found = awx.find("workflow_job_template_nodes", {"workflow_job_template": str(workflow["id"])})
    nodes = {node["identifier"]: node for node in found}
    ways = {name: awx.names("workflow_job_template_nodes", node, "success_nodes") for name, node in nodes.items()}
    assert ways == {"plan": ["approve"], "approve": ["verify"], "verify": ["run"], "run": ["status"], "status": []}
    approval = awx.lists["workflow_approval_templates"][nodes["approve"]["unified_job_template"]]
    assert approval["timeout"] == 86400
    assert awx.names("workflow_job_templates", workflow, "notification_templates_approvals") == ["KubeSphere"]
    assert awx.surveys["workflow_job_templates", workflow["id"]]["spec"]


def test_jobs_have_both_credentials(configured: Configured) -> None:
    awx = configured.awx
    for template in awx.lists["job_templates"].values():
        assert awx.names("job_templates", template, "credentials") == ["KubeSphere host", "KubeSphere members"]
        assert awx.surveys["job_templates", template["id"]]["spec"]
    assert awx.named("credentials", "KubeSphere host")["inputs"]["kubeconfig"].startswith("apiVersion: v1")


def test_injectors_and_messages_arrive_as_templates(configured: Configured) -> None:
    kind = configured.awx.named("credential_types", "KubeSphere host")
    assert kind["injectors"]["extra_vars"] == {"fleet_host_kubeconfig": "{{ tower.filename.host }}"}
    message = configured.awx.named("notification_templates", "KubeSphere")["messages"]["started"]["body"]
    assert message.startswith('{"text": {{ (job.name')


def test_secrets_do_not_show(configured: Configured) -> None:
    assert "secret-of-" not in configured.output
    assert "chat.example.com" not in configured.output


def test_a_second_run_puts_right_what_was_changed_and_nothing_else(configured: Configured) -> None:
    """But for approvals: awx.awx cannot compare them, as AWX does not tell of which node one is."""
    template = configured.awx.named("job_templates", "KubeSphere: plan")
    template["job_type"] = "run"
    writes = configured.again()
    assert configured.awx.named("job_templates", "KubeSphere: plan")["job_type"] == "check"
    rest = [write for write in writes if write != f"PATCH {template['url']}"]
    assert len(rest) == len(writes) - 1
    assert {write.split("/")[3] for write in rest} <= {"workflow_approval_templates"}


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        ("job_templates", {"playbook": "playbooks/none.yml", "name": "a"}, "not in the project"),
        ("schedules", {"rrule": "DAILY", "name": "a"}, "DTSTART"),
        ("inventory_sources", {"inventory": 4711, "name": "a"}, "there is no 4711"),
    ],
)
def test_the_stand_in_refuses(kind: str, fields: Object, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        Awx(PLAYBOOKS).create(kind, fields)
