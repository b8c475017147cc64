"""Every file of the collection counts for one floor."""

from __future__ import annotations

from tests.check.coverage import by_floor, table

REACHED = {"num_statements": 10, "covered_lines": 8, "num_branches": 4, "covered_branches": 1}


def test_files_count_for_their_floor() -> None:
    files = [
        "plugins/module_utils/kube/wait.py",
        "plugins/module_utils/kubesphere/member.py",
        "plugins/module_utils/kubesphere/fleet.py",
        "plugins/module_utils/goals/goal.py",
        "plugins/module_utils/version.py",
        "plugins/action/fleet.py",
    ]
    counts = by_floor(dict.fromkeys(files, REACHED))
    assert {name: count.statements for name, count in counts.items()} == {
        "cluster access": 10,
        "domain": 20,
        "goals": 10,
        "plugins": 20,
    }
    assert (counts["domain"].reached, counts["domain"].branches, counts["domain"].taken) == (16, 8, 2)
    assert round(counts["domain"].percent, 1) == 64.3
    assert [line.split()[:5] for line in table(counts)][2] == ["domain", "20", "80.0", "%", "8"]
