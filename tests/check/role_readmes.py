"""The roles' READMEs: generated from what Ansible itself reads, so that they cannot say anything else.

python -m tests.check.role_readmes --write    write roles/*/README.md
python -m tests.check.role_readmes            say what is not as it should be

A README is put together from ``meta/argument_specs.yml`` (the texts), ``tasks/`` (which variables the role reads) and
the playbooks that use the role (the examples, which are thereby run by the tests).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.check.results import Outcome, Result
from tests.prepare import ROOT

COLLECTION = "kubesphere.multicluster"

VARIABLES = "kubesphere"
"""The role that has the variables of all roles."""

GROUPS = {"kubesphere_host", "kubesphere_members"}
"""Groups of the inventory, which look like variables in an expression."""

_NAME = re.compile(r"\bkubesphere_[a-z0-9_]*[a-z0-9]\b(?!\.multicluster)")

_MARKUP = (
    (re.compile(r"P\(([\w.]+)#(\w+)\)"), r"`\1`"),
    (re.compile(r"M\(([\w.]+)\)"), r"`\1`"),
    (re.compile(r"[CVEO]\(([^()]*(?:\([^()]*\))?[^()]*)\)"), r"`\1`"),
    (re.compile(r"L\(([^,()]+), *([^()]+)\)"), r"[\1](\2)"),
    (re.compile(r"U\(([^()]+)\)"), r"<\1>"),
)
"""Ansible's markup for documentation, as Markdown."""


def role_names(root: Path = ROOT) -> list[str]:
    """All roles, in the order of the alphabet."""
    return sorted(file.parents[1].name for file in root.glob("roles/*/meta/main.yml"))


def readme(role: str, root: Path = ROOT) -> str:
    """What roles/<role>/README.md has to say."""
    specs = _load(root / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    name = _entry_point_of(specs)
    main = specs[name]
    parts = [
        "<!-- Generated: python -m tests.check.role_readmes --write -->",
        f"# {COLLECTION}.{role}",
        f"{main['short_description']}.",
        *map(_markdown, _texts(main)),
    ]
    others = {other: spec for other, spec in specs.items() if other != name}
    if others:
        parts += ["## Parts", "\n".join(_entry_point(other, spec) for other, spec in others.items())]
    parts += ["## Variables", *_variables(role, root), "## Example", *_examples(role, root)]
    return "\n\n".join(parts) + "\n"


def _entry_point_of(specs: dict[str, Any]) -> str:
    """The entry point that a role is described by: main, or the only one."""
    return "main" if "main" in specs else next(iter(specs))


def check(root: Path = ROOT) -> list[Result]:
    """READMEs as generated, descriptions and defaults as documented, no variable unknown and none without use."""
    results = [Result.of(f"roles/{role}/README.md", _readme_problems(role, root)) for role in role_names(root)]
    return [
        *results,
        Result.of("descriptions of the roles", list(_description_problems(root))),
        Result.of("defaults of the roles", list(_default_problems(root))),
        Result.of("variables of the roles", list(_variable_problems(root))),
    ]


def write(root: Path = ROOT) -> None:
    """Write all READMEs."""
    for role in role_names(root):
        (root / "roles" / role / "README.md").write_text(readme(role, root))


def _readme_problems(role: str, root: Path) -> list[str]:
    file = root / "roles" / role / "README.md"
    if file.exists() and file.read_text() == readme(role, root):
        return []
    return [f"{file.relative_to(root)} is not what its role says. Run: python -m tests.check.role_readmes --write"]


def _description_problems(root: Path) -> Iterator[str]:
    """Galaxy shows what meta/main.yml says, ansible-doc what the argument spec says."""
    for role in role_names(root):
        meta = root / "roles" / role / "meta"
        specs = _load(meta / "argument_specs.yml")["argument_specs"]
        wanted = specs[_entry_point_of(specs)]["short_description"]
        told = _load(meta / "main.yml").get("galaxy_info", {}).get("description")
        if told != wanted:
            yield (
                f"roles/{role}/meta/main.yml: galaxy_info.description is {told!r}, "
                f"the short_description in argument_specs.yml is {wanted!r}"
            )


def _default_problems(root: Path) -> Iterator[str]:
    for role in role_names(root):
        options = _options(role, root)
        documented = {name: option["default"] for name, option in options.items() if "default" in option}
        defaults = _defaults(role, root)
        for name in sorted(documented.keys() | defaults.keys()):
            if name not in documented or name not in defaults or documented[name] != defaults[name]:
                yield (
                    f"{name}: roles/{role}/defaults/main.yml has {defaults.get(name, 'nothing')!r}, "
                    f"meta/argument_specs.yml has {documented.get(name, 'nothing')!r}"
                )


def _variable_problems(root: Path) -> Iterator[str]:
    documented = set(_options(VARIABLES, root))
    known = documented | set(derived_variables(root)) | GROUPS
    read = {role: _read_in_tasks(role, root) for role in role_names(root)}
    for role, names in read.items():
        for name in sorted(names - known):
            yield f"{name} is read in roles/{role}/tasks and is not in roles/{VARIABLES}/meta/argument_specs.yml"
    for name in sorted(_names(derived_variables(root)) - known):
        yield f"{name} is read in roles/{VARIABLES}/vars and is not in roles/{VARIABLES}/meta/argument_specs.yml"
    for name in sorted(documented - set().union(*(_resolved(names, root) for names in read.values()))):
        yield f"{name} is in roles/{VARIABLES}/meta/argument_specs.yml and no role reads it"


def _read_in_tasks(role: str, root: Path) -> set[str]:
    """Names with our prefix in the expressions of a role's tasks, in its variables, and in the roles that it imports.

    Keys are arguments of modules and no variables.
    """
    folder = root / "roles" / role
    variables = folder.glob("vars/*.yml") if role != VARIABLES else ()
    tasks = [_load(file) for file in sorted(folder.glob("tasks/*.yml"))]
    imported = (_read_in_tasks(other, root) for other in sorted(_imported(tasks)))
    return set().union(_names(tasks), *(_names(_load(file)) for file in variables), *imported)


def _imported(tasks: Any) -> set[str]:
    """Roles of the collection that tasks import."""
    if isinstance(tasks, list):
        return set().union(*map(_imported, tasks))
    if not isinstance(tasks, dict):
        return set()
    role = tasks.get("ansible.builtin.import_role", {}).get("name", "").removeprefix(f"{COLLECTION}.")
    return {*([role] if role else []), *_imported(tasks.get("block")), *_imported(tasks.get("always"))}


def _resolved(names: set[str], root: Path) -> set[str]:
    """The variables that names stand for: what roles/kubesphere/vars derives is replaced by what it derives it from."""
    derived, found, pending = derived_variables(root), set[str](), list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += _names(derived.get(name))
    return found - derived.keys() - GROUPS


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_names, value.values()))
    if isinstance(value, list):
        return set().union(*map(_names, value))
    return set(_NAME.findall(value)) if isinstance(value, str) else set()


def _variables(role: str, root: Path) -> Iterator[str]:
    options = _options(VARIABLES, root)
    if role == VARIABLES:
        yield "Set them for a cluster (an inventory host), a group, or all. None has to be set."
        yield "\n".join(_option(name, option) for name, option in options.items())
    else:
        yield f"It reads these variables; the role [{VARIABLES}](../{VARIABLES}/README.md) says what they mean."
        read = _resolved(_read_in_tasks(role, root), root)
        yield "\n".join(_heading(name, option) for name, option in options.items() if name in read)
        own = _options(role, root)
        if own:
            yield "And these of its own:"
            yield "\n".join(_option(name, option) for name, option in own.items())


def _heading(name: str, option: dict[str, Any]) -> str:
    kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
    return f"- `{name}` ({kind}{_default(option)})"


def _default(option: dict[str, Any]) -> str:
    if option.get("default", "") == "":
        return ""
    default = option["default"]
    # As one would write it in an inventory.
    text = default if isinstance(default, str) else yaml.safe_dump(default, default_flow_style=True).split("\n")[0]
    return f", default `{text}`"


def _option(name: str, option: dict[str, Any]) -> str:
    return "\n".join([_heading(name, option), *(f"  - {_markdown(text)}" for text in _texts(option))])


def _entry_point(name: str, spec: dict[str, Any]) -> str:
    return f"- `tasks_from: {name}`: {_markdown(_texts(spec)[0])}"


def _examples(role: str, root: Path) -> Iterator[str]:
    if role == VARIABLES:
        yield "An inventory:"
        yield _block(root / "inventories" / "fleet" / "hosts.yml")
        yield "A role of your own gets the variables by a dependency in its `meta/main.yml` (preflight checks them):"
        yield f"```yaml\ndependencies:\n  - role: {COLLECTION}.{VARIABLES}\n```"
        return
    for playbook in sorted((root / "playbooks").glob("*.yml")):
        if f"{COLLECTION}.{role}" in _used_roles(_load(playbook)):
            name = f"{COLLECTION}.{playbook.stem}"
            yield f"The playbook that `ansible-playbook -i INVENTORY {name}` runs:"
            yield _block(playbook)


def _used_roles(plays: list[dict[str, Any]]) -> set[str]:
    imported = (task.get("ansible.builtin.import_role") for play in plays for task in play.get("tasks", ()))
    listed = (item["role"] for play in plays for item in play.get("roles", ()))
    return {*listed, *(role["name"] for role in imported if role)}


def _block(file: Path) -> str:
    return f"```yaml\n{file.read_text().removeprefix('---').strip()}\n```"


def _markdown(text: str) -> str:
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text


def _texts(item: dict[str, Any]) -> list[str]:
    """A description, as a list of one paragraph each."""
    description = item["description"]
    return [description] if isinstance(description, str) else description


def _options(role: str, root: Path) -> dict[str, dict[str, Any]]:
    specs = _load(root / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    return dict(specs[_entry_point_of(specs)].get("options") or {})


def _defaults(role: str, root: Path) -> dict[str, Any]:
    return dict(_load(root / "roles" / role / "defaults" / "main.yml") or {})


def derived_variables(root: Path) -> dict[str, Any]:
    """Variables that the role of variables makes of the others, by name."""
    files = sorted((root / "roles" / VARIABLES / "vars" / "main").glob("*.yml"))
    return {name: value for file in files for name, value in (_load(file) or {}).items()}


def _load(file: Path) -> Any:
    return yaml.safe_load(file.read_text()) if file.exists() else None


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        failed = [result for result in check() if result.outcome is Outcome.FAILED]
        sys.exit("\n".join(result.detail for result in failed) or 0)
