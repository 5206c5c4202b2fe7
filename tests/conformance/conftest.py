"""Programs that are not ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parents[2] / "build" / "clients"


@pytest.fixture
def client() -> Callable[[str], Path]:
    """Folder of a fetched program, by its line in scripts/published_clients.txt."""

    def find(requirement: str) -> Path:
        folder = CLIENTS / requirement.replace("==", "-")
        if not folder.is_dir():
            pytest.skip(f"{requirement} is not there: 'make clients' fetches it")
        return folder

    return find
