"""What renews comes last: the other tests look at what the run before has left."""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of this folder behind all others."""
    items.sort(key=lambda item: item.path.parent.resolve() == _HERE.resolve())
