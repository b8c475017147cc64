"""The examples in the documentation are right: of the README, the guides, and the plugins' own."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader

from tests.check.messages import messages
from tests.check.role_readmes import derived_variables
from tests.plugin_docs import documentation, documented_files
from tests.unit.documents import ROOT, Block, blocks, guides, prose

COLLECTION = "kubesphere.multicluster"
LANGUAGES = {"console", "dockerfile", "groovy", "ini", "json", "text", "toml", "yaml"}
GROUPS = {"kubesphere_host", "kubesphere_members"}

# The fact that a playbook of one's own may look at has another beginning; these are names of other things.
NAME = re.compile(r"(?<![\w./-])kubesphere_[a-z0-9_]*[a-z0-9](?![\w*-])")
PLUGIN = re.compile(r"(?<![\w./-])kubesphere\.multicluster\.([a-z_]+)(?![\w/])")
_PREFIX = re.compile(r"C\((kubesphere_[a-z_]+_)[<)]")
VARIABLE_OF_COMMAND = re.compile(r"(?:-e|--extra-vars)[ =]['\"]?{?\"?([a-z_]+)")


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Takes Ansible's own tags."""


for tag in ("!unsafe", "!vault", "!reference"):
    Loader.add_constructor(tag, lambda _, node: getattr(node, "value", ""))


@cache
def all_blocks() -> list[Block]:
    return [block for document in guides() for block in blocks(document)]


@cache
def yaml_blocks() -> list[Block]:
    return [block for block in all_blocks() if block.language == "yaml"]


def documents(block: Block) -> list[Any]:
    return list(yaml.load_all(block.text, Loader))


def specs() -> list[Path]:
    """The argument specs of all roles."""
    return sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))


# What there is


@cache
def options() -> dict[str, dict[str, Any]]:
    """All variables of all roles, as their argument specs have them."""
    entry_points = [entry for file in specs() for entry in yaml.safe_load(file.read_text())["argument_specs"].values()]
    return {name: option for entry in entry_points for name, option in (entry.get("options") or {}).items()}


@cache
def handed_on() -> set[str]:
    """What roles hand on by set_stats."""
    tasks = [task for file in ROOT.glob("roles/*/tasks/*.yml") for task in yaml.safe_load(file.read_text()) or ()]
    given = [name for task in tasks for name in (task.get("ansible.builtin.set_stats") or {}).get("data", ())]
    # A template in a name says which ones there are.
    return {name.split("{")[0] + end for name in given for end in re.findall(r"'(\w+)'", name) or [""]}


@cache
def known() -> set[str]:
    """All variables, and the few other things that begin like them."""
    modules = "".join(file.read_text() for file in (ROOT / "plugins" / "modules").glob("*.py"))
    returned = re.findall(r"^ +(kubesphere_\w+):", modules, re.MULTILINE)
    return {*options(), *GROUPS, *handed_on(), *derived_variables(ROOT), *returned}


@cache
def beginnings() -> tuple[str, ...]:
    """What names begin with that are the user's, of Prometheus, and of plugins."""
    groups = ("kubesphere_region_", "kubesphere_group_", "kubesphere_provider_", *_PREFIX.findall(plugins()))
    return ("kubesphere_configuration_", "kubesphere_multicluster_", *groups)


def is_known(name: str) -> bool:
    return name in known() or name.startswith(beginnings()) or name in plugins()


@cache
def plugins() -> str:
    """The text of plugins that have groups, variables or settings of their own."""
    return "".join(file.read_text() for name in ("callback", "inventory") for file in ROOT.glob(f"plugins/{name}/*.py"))


@cache
def parts() -> set[str]:
    """Whatever can follow the collection's name."""
    folders = ("modules", "inventory", "lookup", "callback", "doc_fragments")
    found = {file.stem for folder in folders for file in (ROOT / "plugins" / folder).glob("*.py")}
    found |= {file.stem for file in (ROOT / "playbooks").glob("*.yml")}
    found |= {folder.name for folder in (ROOT / "roles").iterdir()}
    found |= set(yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"])
    return found | set(filters())


@cache
def filters() -> list[str]:
    """Names of the filters."""
    trees = [ast.parse(file.read_text()) for file in sorted((ROOT / "plugins" / "filter").glob("*.py"))]
    functions = [node for tree in trees for node in ast.walk(tree) if getattr(node, "name", "") == "filters"]
    returned = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.Dict)]
    return [str(ast.literal_eval(key)) for node in returned for key in node.keys if key]


# Names


@pytest.mark.parametrize("document", guides(), ids=lambda document: document.name)
def test_variables_are_there(document: Path) -> None:
    assert [name for name in sorted(set(NAME.findall(document.read_text()))) if not is_known(name)] == []


def test_messages_name_variables_that_are_there() -> None:
    named = {name for message in messages() for name in NAME.findall(message.text)}
    assert {name for name in named if not is_known(name)} == set()


@pytest.mark.parametrize("document", [*guides(), *specs()], ids=lambda document: str(document.relative_to(ROOT)))
def test_parts_of_the_collection_are_there(document: Path) -> None:
    assert [name for name in sorted(set(PLUGIN.findall(document.read_text()))) if name not in parts()] == []


def test_names_that_are_not_there_are_found() -> None:
    assert not is_known("kubesphere_kubeconfg") and is_known("kubesphere_kubeconfig") and is_known("kubesphere_plan")
    assert "sight" not in parts() and {"site", "member", "multicluster", "import"} <= parts()


def test_filters_are_documented() -> None:
    missing = [name for name in filters() if not (ROOT / "plugins" / "filter" / f"{name}.yml").exists()]
    assert not missing, f"Write plugins/filter/<name>.yml, as of the others, for {missing}"


# Blocks


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_blocks_are_what_they_say(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block}: say what it is: {', '.join(sorted(LANGUAGES))}"
    if block.language == "yaml":
        templates = [text for document in documents(block) for text in strings(document)]
        for text in templates:
            jinja2.Environment(autoescape=True).parse(text)
    elif block.language == "json":
        json.loads(block.text)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str) and "${{" not in value:  # what a pipeline fills in
        yield value


def is_inventory(document: Any) -> bool:
    return isinstance(document, dict) and bool({"all", *GROUPS} & set(document))


@pytest.mark.parametrize("block", [each for each in yaml_blocks() if any(map(is_inventory, documents(each)))], ids=str)
def test_inventories_are_read(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "inventory.yml"
    file.write_text(block.text)
    inventory = InventoryManager(loader=DataLoader(), sources=[str(file)])
    assert set(inventory.groups) & GROUPS
    for host in inventory.get_hosts():
        assert wrong_variables(host.vars) == []


@pytest.mark.parametrize("block", yaml_blocks(), ids=str)
def test_variables_have_values_that_fit(block: Block) -> None:
    for document in documents(block):
        if isinstance(document, dict) and "compose" not in document:  # that has expressions
            for mapping in mappings(document):
                assert wrong_variables(mapping) == []


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from mappings(each)


def wrong_variables(variables: dict[str, Any]) -> list[str]:
    """What the roles' argument specs would say of variables; templates have values that nobody knows here."""
    given = {
        name: value
        for name, value in variables.items()
        if name in options() and "{{" not in str(value) and name not in GROUPS
    }
    spec = {name: {k: v for k, v in options()[name].items() if k in ("type", "elements", "choices")} for name in given}
    return list(ArgumentSpecValidator(spec).validate(given).error_messages)


# Playbooks and tasks


def is_play(item: Any) -> bool:
    return isinstance(item, dict) and bool({"hosts", "import_playbook", "ansible.builtin.import_playbook"} & set(item))


def is_task(item: Any) -> bool:
    return isinstance(item, dict) and any(str(key).count(".") == 2 and "/" not in str(key) for key in item)


def sorted_out(origin: str, found: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Playbooks, each with where it comes from; tasks are made one."""
    for document in found:
        if isinstance(document, list) and document and all(map(is_play, document)):
            yield origin, document
        elif isinstance(document, list) and document and all(map(is_task, document)):
            yield origin, [{"name": "Try it", "hosts": "localhost", "gather_facts": False, "tasks": document}]


def of_plugins() -> Iterator[tuple[str, list[Any]]]:
    """The EXAMPLES of modules and plugins, as documents."""
    return ((str(file.relative_to(ROOT)), documentation(file)["EXAMPLES"]) for file in documented_files())


def of_roles() -> Iterator[tuple[str, list[Any]]]:
    """The examples of the roles' entry points, as documents."""
    for file in specs():
        entry_points = yaml.safe_load(file.read_text())["argument_specs"].values()
        yield str(file.relative_to(ROOT)), [yaml.safe_load(e["examples"]) for e in entry_points if "examples" in e]


@cache
def playbooks() -> list[tuple[str, list[Any]]]:
    written = [each for block in yaml_blocks() for each in sorted_out(str(block), documents(block))]
    return written + [each for origin, found in [*of_plugins(), *of_roles()] for each in sorted_out(origin, found)]


def test_where_one_starts_every_playbook_is_named() -> None:
    text = (ROOT / "roles" / "kubesphere" / "meta" / "argument_specs.yml").read_text()
    told = set(re.findall(r"C\((\w+)\)", text.partition("    options:")[0]))
    assert {file.stem for file in (ROOT / "playbooks").glob("*.yml")} <= told


def test_every_role_has_an_example() -> None:
    """Playbooks are not in ansible-doc, so roles say what runs them."""
    found = dict(of_roles())
    assert all(found.values())
    [[inventory]] = [documents for origin, documents in found.items() if origin.startswith("roles/kubesphere/")]
    assert set(inventory) == GROUPS
    assert all(wrong_variables(variables) == [] for variables in mappings(inventory))
    for origin, documents_of_role in found.items():
        assert [*sorted_out(origin, documents_of_role)] or documents_of_role == [inventory]


def is_other(name: Any) -> bool:
    """Whether this is a module or a role of another collection, which is not there when this is tested."""
    return isinstance(name, str) and name.count(".") == 2 and not name.startswith((f"{COLLECTION}.", "ansible."))


def without_others(value: Any) -> Any:
    """Plays and tasks without what is of other collections."""
    if isinstance(value, list):
        return [without_others(each) for each in value if not is_other(each)]
    if not isinstance(value, dict):
        return value
    return {("ansible.builtin.set_fact" if is_other(key) else key): without_others(each) for key, each in value.items()}


def test_playbooks_and_tasks_are_right(tmp_path: Path) -> None:
    found = playbooks()
    some = {
        "docs/plan.md",
        "plugins/modules/member.py",
        "plugins/filter/judged.yml",
        "roles/import/meta/argument_specs.yml",
    }
    assert some <= {each.split(":")[0] for each, _text in found}
    files = []
    for number, (origin, plays) in enumerate(found):
        file = tmp_path / f"{number}_{re.sub(r'[^a-zA-Z]+', '_', origin)}.yml"
        file.write_text(yaml.safe_dump(without_others(plays), sort_keys=False))
        files.append(str(file))
    command = [sys.executable, "-m", "ansible", "playbook", "--syntax-check", "-i", "localhost,", *files]
    collections = str(ROOT / "build" / "collections")
    environment = {"ANSIBLE_COLLECTIONS_PATH": collections, "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def tasks(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from tasks(each)
    elif isinstance(value, dict):
        if is_task(value):
            yield value
        for key in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always"):
            yield from tasks(value.get(key))


def module_options(module: str) -> set[str]:
    """The options of a module and its aliases, those of its fragments too."""
    text = (ROOT / "plugins" / "modules" / f"{module}.py").read_text()
    documentation = yaml.safe_load(re.search(r'DOCUMENTATION = r"""(.*?)"""', text, re.DOTALL)[1])  # type: ignore[index]
    fragments = (ROOT / "plugins" / "doc_fragments" / "options.py").read_text()
    found = [documentation.get("options") or {}]
    for name in documentation.get("extends_documentation_fragment", ()):
        if name.startswith(f"{COLLECTION}.options"):
            part = name.removeprefix(f"{COLLECTION}.options").lstrip(".").upper() or "DOCUMENTATION"
            found.append(yaml.safe_load(re.search(rf' {part} = r"""(.*?)"""', fragments, re.DOTALL)[1])["options"])  # type: ignore[index]
    return {name for each in found for key, option in each.items() for name in (key, *option.get("aliases", ()))}


def test_tasks_give_options_that_their_modules_have() -> None:
    wrong = []
    for origin, plays in playbooks():
        for task in tasks(plays):
            for key, arguments in task.items():
                module = key.removeprefix(f"{COLLECTION}.")
                if key.startswith(COLLECTION) and isinstance(arguments, dict):
                    wrong += [f"{origin}: {module}: {name}" for name in set(arguments) - module_options(module)]
    assert wrong == []


# Commands


def commands() -> list[tuple[str, str]]:
    """What a user is told to type, with its place."""
    found = []
    for block in all_blocks():
        if block.language == "console":
            joined = re.sub(r"(\\|&&)\n\s*", r"\1 ", block.text)
            found += [(str(block), line[2:]) for line in joined.splitlines() if line.startswith(("$ ", "# "))]
    return found


def test_consoles_show_commands() -> None:
    consoles = {str(block) for block in all_blocks() if block.language == "console"}
    assert consoles == {origin for origin, _command in commands()}


@pytest.mark.parametrize(("origin", "command"), commands(), ids=lambda each: str(each)[:60])
def test_commands_are_right(origin: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    given = VARIABLE_OF_COMMAND.findall(command)
    assert [name for name in given if name.startswith("kubesphere") and not is_known(name)] == []
    if words[0] == "make":
        targets = re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= {name for line in targets for name in line.split()}, origin
    if words[0].startswith("python") and words[1] == "-m" and words[2].startswith("tests."):
        path = ROOT.joinpath(*words[2].split("."))
        assert path.is_dir() or path.with_suffix(".py").exists(), origin
    if words[0] == "ansible-playbook":
        assert any(word.startswith(f"{COLLECTION}.") or word.endswith((".yml", ".yaml")) for word in words), origin


def test_prose_names_targets_of_make_that_are_there() -> None:
    targets = set(" ".join(re.findall(r"^([a-z -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)).split())
    for document in guides():
        for told in re.findall(r"`make ([a-z -]+)`", prose(document)):
            assert set(told.split()) <= targets, f"{document.name}: make {told}"
