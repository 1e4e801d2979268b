"""The sample bundle, built once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from reference.sample import sample_source

from fairpost.engine import RuleSet
from fairpost.engine.build import build


@pytest.fixture(scope="session")
def sample_bundle() -> bytes:
    return build(sample_source())


@pytest.fixture(scope="session")
def sample_ruleset(sample_bundle: bytes) -> RuleSet:
    return RuleSet.from_bytes(sample_bundle)


@pytest.fixture(scope="session")
def match_cases() -> list[dict[str, Any]]:
    """The table of match cases."""
    cases: list[dict[str, Any]] = yaml.safe_load(
        (Path(__file__).parents[1] / "data" / "match_cases.yaml").read_text("utf-8")
    )
    return cases
