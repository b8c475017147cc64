"""What the collection's plugins say of themselves, and whether values are what a RETURN block says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.prepare import ROOT

Documentation = Mapping[str, Any]

_BLOCKS = ("DOCUMENTATION", "EXAMPLES", "RETURN")

_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "dict": (dict,),
    "float": (float, int),
    "int": (int,),
    "list": (list,),
    "path": (str,),
    "str": (str,),
}
"""Python's types by Ansible's names; any other, such as raw, is anything."""

OF_ANSIBLE = {
    "changed", "failed", "skipped", "msg", "diff", "warnings", "deprecations", "exception", "invocation",
    "ansible_loop_var", "ansible_facts", "attempts", "failed_when_result", "failed_when_suppressed_exception",
}  # fmt: skip
"""What every task may return."""

OF_A_ROAD = {"phase", "module", "seconds"}
"""What the module fleet adds to a result."""

_UNTOLD = {"skipped", "skip_reason", "unreachable", "censored"}
"""What a result has of which nothing can be said."""

_NONE = re.compile(r"\b(none|null)\b", re.IGNORECASE)


def documented_files() -> list[Path]:
    """Every file of the collection with documentation of a module or a plugin."""
    files = [*ROOT.glob("plugins/modules/*.py"), *ROOT.glob("plugins/filter/*.yml")]
    for kind in ("callback", "inventory", "lookup", "test"):
        files += [*ROOT.glob(f"plugins/{kind}/*.py"), *ROOT.glob(f"plugins/{kind}/*.yml")]
    return sorted(file for file in files if file.stem != "__init__")


@cache
def documentation(file: Path) -> Documentation:
    """DOCUMENTATION, EXAMPLES and RETURN of a file; a block that is not there is empty."""
    if file.suffix == ".yml":
        found = yaml.safe_load(file.read_text())
        return {**found, "EXAMPLES": _documents(found.get("EXAMPLES") or "")}
    blocks = dict.fromkeys(_BLOCKS, "")
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in _BLOCKS:
            blocks[node.targets[0].id] = ast.literal_eval(node.value)
    examples = _documents(blocks.pop("EXAMPLES"))
    return {"EXAMPLES": examples, **{name: yaml.safe_load(text) or {} for name, text in blocks.items()}}


def _documents(text: str) -> list[Any]:
    """Examples; those of an inventory are files of their own."""
    return [each for each in yaml.safe_load_all(text) if each]


def returned_by(module: str) -> Documentation:
    """The RETURN block of a module."""
    found: Documentation = documentation(ROOT / "plugins" / "modules" / f"{module}.py")["RETURN"]
    return found


def sample_problems(returned: Documentation, where: str = "") -> Iterator[str]:
    """Return values without a description, a type, a condition or a sample, and samples of another type."""
    for name, described in returned.items():
        path = f"{where}{name}"
        missing = [key for key in ("description", "type", "returned") if not described.get(key)]
        if missing and not name.startswith("_"):  # what a filter or a lookup gives back
            yield f"{path} has no {', '.join(missing)}"
        if "contains" in described:
            yield from sample_problems(described["contains"], f"{path}.")
        elif "sample" not in described:
            yield f"{path} has no sample"
        else:
            yield from type_problems(described["sample"], described, path)


def type_problems(value: Any, described: Documentation, path: str) -> Iterator[str]:
    """Whether a value is of the documented type, and its elements of theirs."""
    kind, elements = described.get("type", "raw"), described.get("elements", "raw")
    if not _is(value, kind):
        yield f"{path} is documented as {kind}, and is {type(value).__name__}: {value!r}"
    elif kind == "list":
        yield from (
            f"{path} is documented as a list of {elements}, and has {each!r}"
            for each in value
            if not _is(each, elements)
        )


def task_problems(action: str, result: Mapping[str, Any], *, failed: bool) -> list[str]:
    """How a task's result, whatever became of it, differs from what its module documents.

    Args:
        action: full name of the module; what is not the collection's has no problems.
        result: as a callback gets it: of a loop, or of a road with what it did for each cluster, too.
        failed: whether the task failed; ansible-core 2.19 does not say so in the result of one without a loop.
    """
    collection, _dot, module = action.rpartition(".")
    if collection != "kubesphere.multicluster":
        return []
    found: list[str] = []
    for each in result.get("results", [{**result, **({"failed": True} if failed else {})}]):
        clusters = [(outcome["module"], outcome) for outcome in _outcomes(each)] if module == "fleet" else []
        # without run_once, a fleet returns what its cluster's module does, too
        known = {name for inner, _outcome in clusters if "seconds" in each for name in returned_by(inner)}
        for name, returned, more in [(module, each, known), *((*pair, set()) for pair in clusters)]:
            if not returned.keys() & _UNTOLD:
                ignored = OF_ANSIBLE | OF_A_ROAD | more | {returned.get("ansible_loop_var", "item")}
                found += (f"{name}: {problem}" for problem in result_problems(returned, returned_by(name), ignored))
    return found


def _outcomes(fleet: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What the module fleet did with each cluster, in each phase."""
    for phase in (fleet.get("registers") or {"": fleet}).values():
        yield from phase.get("clusters", {}).values()


def result_problems(
    result: Mapping[str, Any], returned: Documentation, ignored: set[str], where: str = ""
) -> Iterator[str]:
    """How a real result differs from a RETURN block: keys that it does not know, and others that it promises.

    Args:
        result: what a module has returned.
        returned: the RETURN block.
        ignored: keys that need no documentation.
        where: what the path of a key begins with.
    """
    known = {*returned, *ignored}
    unknown = (name for name in result if name not in known and not name.startswith("_ansible_"))
    yield from (f"{where}{name} is not documented" for name in unknown)
    for name, described in returned.items():
        path, value, when = f"{where}{name}", result.get(name), described["returned"]
        if name not in result:
            if _is_promised(when, result):
                yield f"{path} is documented as returned: {when}, and is missing"
        elif when == "on failure" and not _failed(result):
            yield f"{path} is documented as returned: {when}, and is there without one"
        elif value is None:
            if not _NONE.search(" ".join(_texts(described["description"]))):
                yield f"{path} is None, which its description does not mention"
        else:
            yield from type_problems(value, described, path)
            for inner in value if isinstance(value, list) else [value]:
                if "contains" in described and isinstance(inner, dict):
                    yield from result_problems(inner, described["contains"], set(), f"{path}.")


def _is_promised(when: str, result: Mapping[str, Any]) -> bool:
    """Whether a documented condition holds; of one that is said in free words nobody knows."""
    if when.startswith("success"):  # and, said after it, in which other case
        return not _failed(result)
    if when == "when something is written":
        return bool(result.get("changed")) and not _failed(result)
    return when == "always"


def _failed(result: Mapping[str, Any]) -> bool:
    """Whether a module may have failed: with ``failed_when`` the result says something else."""
    return bool(result.get("failed")) or "failed_when_result" in result


def _is(value: Any, kind: str) -> bool:
    if kind not in _TYPES:
        return True
    return isinstance(value, _TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def _texts(description: str | list[str]) -> list[str]:
    return [description] if isinstance(description, str) else description
