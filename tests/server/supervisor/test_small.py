"""The supervisor loads none of what its workers may die of, and stays small."""

from __future__ import annotations

import subprocess
import sys

from fairpost.engine.vocabulary import Action
from fairpost.server.observe.shares import ACTIONS

HEAVY = ("fairpost.engine", "grpc", "numpy", "sqlalchemy", "cryptography", "uvicorn", "httpx", "orjson")


def test_no_engine_no_grpcio_no_store() -> None:
    code = f"""
import sys
import fairpost.server.supervisor
from fairpost.server import Config
config = Config(decision_log_sample="ALLOW=0.5")
fairpost.server.supervisor.Supervisor(config)
config.to_json()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_names_of_actions_are_the_engine_s() -> None:
    assert tuple(action.name for action in Action) == ACTIONS
