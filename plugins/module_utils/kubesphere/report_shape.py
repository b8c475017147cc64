# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report has to look like, for whoever reads one from a file (private to the collection).

A file may come from anywhere. Whatever is taken over from it has been looked at here; what this version does not know
is left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from . import health, plan, report

Data = dict[str, Any]
Check = Callable[[Any, str], Any]
"""Takes a value and where it stands, and gives what is taken over of it, or raises."""

_MOST = 20_000  # clusters, and texts of one list
_LARGEST = 2**53  # what JSON's readers agree on
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Unfit(ValueError):
    """What was read is no report; the message says where, and what was seen."""


def parsed(text: str) -> Data:
    """A report out of the text of its file.

    Raises:
        Unfit: it is none.
    """
    try:
        read = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise Unfit("it is nested too deeply") from None
    except ValueError as error:
        raise Unfit(f"it is no JSON: {error}") from None
    return checked(read)


def checked(read: Any) -> Data:
    """What is taken over of a report.

    Raises:
        Unfit: it is none.
    """
    if not isinstance(read, Mapping) or "schema" not in read:
        raise Unfit("it has no schema, so it is no report")
    if read["schema"] != report.SCHEMA or isinstance(read["schema"], bool):
        raise Unfit(f"its schema is {_shown(read['schema'])}, and this version reads {report.SCHEMA}")
    found: Data = report.plain(_REPORT(read, "the report"))
    names = [each["name"] for each in found["clusters"]]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise Unfit(f"it has cluster {twice} twice")
    return report.finished(found, found["written"])


# Checks


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _unfit(value, where, "a text")
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise _unfit(value, where, "true or false")
    return value


def _integer(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST:
        raise _unfit(value, where, "a whole number")
    return value


def _seconds(value: Any, where: str) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _LARGEST or not math.isfinite(value):
        raise _unfit(value, where, "a number of seconds")
    return float(value)


def _time(value: Any, where: str) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise _unfit(value, where, "a time such as 2026-11-22T12:00:00Z")
    return value


def _one_of(*words: str) -> Check:
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise _unfit(value, where, f"one of {', '.join(words)}")
        return value

    return check


def _maybe(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def _several(check: Check) -> Check:
    def checks(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list) or len(value) > _MOST:
            raise _unfit(value, where, f"a list of up to {_MOST}")
        return [check(each, f"{where}[{number}]") for number, each in enumerate(value)]

    return checks


def _by_name(check: Check) -> Check:
    def checks(value: Any, where: str) -> Data:
        if not isinstance(value, Mapping) or len(value) > _MOST:
            raise _unfit(value, where, f"a mapping of up to {_MOST}")
        return {str(name): check(each, f"{where}.{report.plain(str(name))}") for name, each in value.items()}

    return checks


def _fields(**checks: Check) -> Check:
    """A mapping of which these fields are taken over; each has to be there, if only as null."""

    def check(value: Any, where: str) -> Data:
        if not isinstance(value, Mapping):
            raise _unfit(value, where, "a mapping")
        missing = [name for name in checks if name not in value]
        if missing:
            raise Unfit(f"{where} has no {', '.join(missing)}")
        return {name: each(value[name], f"{where}.{name}") for name, each in checks.items()}

    return check


_CREDENTIAL = _fields(kind=_text, expires=_maybe(_text), days=_maybe(_integer), due=_flag)
_PROXY_ADDRESS = _fields(in_force=_maybe(_text), used=_maybe(_text), same=_maybe(_flag))
_OUTCOME = _fields(
    of=_maybe(_text),
    at=_maybe(_time),
    begun=_flag,
    planned=_flag,
    steps=_several(_one_of(*plan.WORDS)),
    failed=_flag,
    text=_text,
    problems=_several(_text),
    warnings=_several(_text),
    writes=_several(_text),
)
_CLUSTER = _fields(
    name=_text,
    cluster=_maybe(_text),
    role=_one_of("host", "member"),
    seen=_maybe(_time),
    known=_maybe(_flag),
    health=_one_of(*health.HEALTH),
    cause=_text,
    problems=_several(_text),
    plan_problems=_several(_text),
    compared=_flag,
    drift=_several(_text),
    connection=_maybe(_text),
    **dict.fromkeys(
        ("alias", "provider", "region", "group", "uid", "server", "kubernetes", "kubesphere"), _maybe(_text)
    ),
    kubernetes_skew=_maybe(_integer),
    kubesphere_skew=_maybe(_one_of("same", "older", "newer")),
    nodes=_maybe(_integer),
    labels=_maybe(_by_name(_text)),
    components=_maybe(_by_name(_text)),
    jwt_secret_agrees=_maybe(_flag),
    ready=_maybe(_flag),
    ready_updated=_maybe(_text),
    ready_age=_maybe(_integer),
    ready_fresh=_maybe(_flag),
    credential=_maybe(_CREDENTIAL),
    proxy_address=_maybe(_PROXY_ADDRESS),
    outcome=_OUTCOME,
    seconds=_by_name(_seconds),
)
_RUN = _fields(
    of=_text,
    written=_time,
    file=_text,
    host=_text,
    planned=_flag,
    summary=_text,
    begun=_integer,
    failed=_integer,
    not_seen=_text,
)
_REPORT = _fields(
    written=_time,
    host=_text,
    looked_at=_maybe(_time),
    clusters=_several(_CLUSTER),
    problems=_several(_text),
    drift=_several(_text),
    conflicts=_several(_text),
    runs=_several(_RUN),
)


def _unfit(value: Any, where: str, wanted: str) -> Unfit:
    return Unfit(f"{where} is {_shown(value)}, not {wanted}")


def _shown(value: Any) -> str:
    if isinstance(value, (Mapping, list)):
        return f"a {'mapping' if isinstance(value, Mapping) else 'list'} of {len(value)}"
    try:
        text = str(report.plain(json.dumps(value)))
    except ValueError:  # an endless number
        return "a number that is too large"
    return text if len(text) <= 60 else f"{text[:60]}…"


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")
