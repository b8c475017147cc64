# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the metrics: what comes out is read by the rules of the text format, not compared with how it is written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import durations
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.prometheus import render
from hypothesis import given
from hypothesis import strategies as st

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"')
COUNTS = {"import": 1, "unchanged": 2, "problems": 1, "not_begun": 0}

Series = tuple[str, frozenset[tuple[str, str]]]


def read(text: str) -> tuple[dict[Series, float], dict[str, str]]:
    """Samples and types of a text; fails on whatever node_exporter would refuse."""
    samples: dict[Series, float] = {}
    types: dict[str, str] = {}
    helped = set()
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped
            helped.add(name)
        elif line.startswith("# TYPE "):
            name, kind = line.split(" ")[2:]
            assert name not in types
            types[name] = kind
        else:
            found = SAMPLE.fullmatch(line)  # a timestamp would not match
            assert found, line
            base = found[1] if found[1] in types else re.sub(r"_(sum|count)$", "", found[1])
            assert base == list(types)[-1]  # all lines of a metric stand together
            assert found[1] == base or types[base] == "summary"
            labels = {name: unescaped(value) for name, value in LABEL.findall(found[2] or "")}
            series = (found[1].removeprefix("kubesphere_multicluster_"), frozenset(labels.items()))
            assert series not in samples
            samples[series] = float(found[3])
    assert helped == types.keys()
    return samples, types


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)


def of(name: str, **labels: str) -> Series:
    return name, frozenset(labels.items())


PHASES: dict[str, dict[str, dict[str, Any]]] = {
    "import": {
        **{f"m-{number}": {"seconds": number} for number in range(1, 101)},
        "bad": {"seconds": 600, "failed": True},
    }
}


def test_what_a_run_took() -> None:
    samples, types = read(render(durations.of(PHASES, ["m-1"]), COUNTS, 1_800_000_000.25))
    assert samples[of("cluster_phase_seconds", cluster="m-7", phase="import")] == 7
    assert samples[of("cluster_phase_seconds", cluster="bad", phase="import")] == 600
    assert samples[of("cluster_phase_seconds", cluster="m-1", phase="join")] == 1
    quantiles = [samples[of("phase_seconds", phase="import", quantile=each)] for each in ("0.5", "0.9", "0.99")]
    assert quantiles == [50, 90, 99]
    assert samples[of("phase_seconds_sum", phase="import")] == 5050
    assert samples[of("phase_seconds_count", phase="import")] == 100
    assert samples[of("phase_max_seconds", phase="import")] == 100
    assert samples[of("phase_clusters", phase="import", result="succeeded")] == 100
    assert samples[of("phase_clusters", phase="import", result="failed")] == 1
    assert samples[of("run_clusters", what="unchanged")] == 2
    assert samples[of("run_timestamp_seconds")] == 1_800_000_000.25
    summaries = {name for name, kind in types.items() if kind == "summary"}
    assert summaries == {"kubesphere_multicluster_phase_seconds"}
    assert {kind for name, kind in types.items() if name not in summaries} == {"gauge"}


def test_what_nobody_got_through_has_no_quantiles() -> None:
    samples, _types = read(render(durations.of({"import": {"a": {"seconds": 1, "failed": True}}}, []), COUNTS, 1.0))
    assert samples[of("phase_seconds_count", phase="import")] == 0
    assert not [name for name, _labels in samples if name in ("phase_seconds", "phase_max_seconds")]


def test_a_run_that_took_nothing() -> None:
    samples, _types = read(render(durations.of({}, []), {}, 1.0))
    assert samples == {of("run_timestamp_seconds"): 1.0}


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\\n", "ä", "{}=,"])
def test_names_are_escaped(name: str) -> None:
    samples, _types = read(render(durations.of({"import": {name: {"seconds": 1}}}, []), {}, 1.0))
    assert of("cluster_phase_seconds", cluster=name, phase="import") in samples


@given(st.dictionaries(st.text(), st.floats(0, 1e9), max_size=5))
def test_any_name_comes_back(seconds: dict[str, float]) -> None:
    found = durations.of({"import": {name: {"seconds": value} for name, value in seconds.items()}}, [])
    samples, _types = read(render(found, {}, 1.0))
    expected = {of("cluster_phase_seconds", cluster=name, phase="import") for name in seconds}
    assert expected == {series for series in samples if series[0] == "cluster_phase_seconds"}
