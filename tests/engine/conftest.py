"""The sample bundle, built once."""

from __future__ import annotations

import pytest
from reference.sample import sample_source

from fairpost.engine import RuleSet
from fairpost.engine.build import build


@pytest.fixture(scope="session")
def sample_bundle() -> bytes:
    return build(sample_source())


@pytest.fixture(scope="session")
def sample_ruleset(sample_bundle: bytes) -> RuleSet:
    return RuleSet.from_bytes(sample_bundle)
