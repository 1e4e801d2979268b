"""Settings from a file, and SIGHUP: taken over by all workers or by none."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from fairpost.client import CallFailed, Client
from fairpost.server import Config
from fairpost.server.config import RELOADABLE, StartError, faults
from fairpost.server.signatures import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {"根治": 0.97}


def test_arguments_then_environment_then_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fairpost.toml"
    path.write_text('port = 1\nthreads = 5\nlog_level = "debug"\nrules_public_keys = ["a.pem"]\n')
    monkeypatch.setenv("FAIRPOST_PORT", "2")
    monkeypatch.setenv("FAIRPOST_THREADS", "6")
    config = Config(config=path, port=3)
    assert (config.port, config.threads, config.log_level) == (3, 6, "debug")
    assert [str(each) for each in config.rules_public_keys] == ["a.pem"]
    monkeypatch.setenv("FAIRPOST_RULES_PUBLIC_KEYS", "x.pem:y.pem")
    monkeypatch.setenv("FAIRPOST_CONFIG", str(path))
    assert [str(each) for each in Config().rules_public_keys] == ["x.pem", "y.pem"]
    # What a worker gets is what the supervisor has, whatever the environment says.
    again = Config.of_json(config.to_json())
    assert again.to_json() == config.to_json() | {"config": None}
    path.write_text("threads = 7\n")
    assert (config.reread().port, config.reread().threads) == (3, 6)
    monkeypatch.delenv("FAIRPOST_THREADS")
    assert config.reread().threads == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = ", "no TOML: Invalid value (at line 1, column 8)"),
        ('config = "other"', "'config' names another file; settings come from one file"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "fairpost.toml"
    path.write_text(text)
    with pytest.raises(StartError) as caught:
        Config(config=path)
    assert str(caught.value).startswith(f"{path}: {message.split(' (')[0]}")
    path.unlink()
    with pytest.raises(StartError, match="cannot be read: No such file or directory"):
        Config(config=path)


def test_what_is_wrong_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fairpost.toml"
    path.write_text('prot = 1\nlog_level = "loud"\n')
    with pytest.raises(ValidationError) as caught:
        Config(config=path)
    assert faults(caught.value) == [
        "--log-level (FAIRPOST_LOG_LEVEL) 'loud': Input should be 'debug', 'info', 'warning' or 'error'",
        "prot: no such setting; see docs/serving.md for those there are",
    ]


def test_pins() -> None:
    cores = sorted(os.sched_getaffinity(0))
    assert Config().worker_count == len(cores)
    assert Config().pins == (cores if len(cores) == os.cpu_count() else None)
    assert Config(workers=len(cores) + 1).pins is None
    assert Config(workers=len(cores) + 1, pin=True).pins == [*cores, cores[0]]
    assert Config(pin=False).pins is None
    assert set(Config.model_fields) >= RELOADABLE


def test_sighup(server: Any, bundle: Any, tmp_path: Path) -> None:
    path = tmp_path / "fairpost.toml"
    path.write_text('log_level = "info"\n')
    key = SigningKey.generate()
    public = tmp_path / "rules.pub"
    public.write_bytes(key.public_pem())
    running = server(workers=2, config=path).start()
    client = running.client
    content = bundle(WORDS)
    client.activate(content)
    settings = client.status().settings
    assert (settings.read_at.seconds > 0, settings.failure) == (True, "")

    def hangup(event: str, count: int) -> Any:
        running.process.send_signal(signal.SIGHUP)
        running.wait_logged(event, count)
        return client.status().settings

    refused, taken = "settings refused, the old ones stay in force", "settings read again"
    path.write_text('log_level = "loud"\n')
    found = hangup(refused, 1)
    assert found.failure.startswith("--log-level (FAIRPOST_LOG_LEVEL) 'loud': Input should be")
    assert (found.failed_at.seconds > 0, found.read_at) == (True, settings.read_at)
    path.write_text("log_level = \n")
    assert "no TOML" in hangup(refused, 2).failure
    # A key that would lock the active rule set out after a restart.
    path.write_text(f'rules_public_keys = ["{public}"]\n')
    assert "worker 0: bundle: it is not signed, and this server takes only" in hangup(refused, 3).failure
    path.write_text(f'rules_public_keys = ["{tmp_path}/none"]\n')
    assert f"{tmp_path}/none: cannot be read: No such file or directory" in hangup(refused, 4).failure

    client.activate(content, signature=key.sign(content))
    path.write_text(f'rules_public_keys = ["{public}"]\nthreads = 6\nworker_timeout = 5.0\n')
    found = hangup(taken, 1)
    assert (found.failure, found.HasField("failed_at"), list(found.need_restart)) == ("", False, ["threads"])
    (line,) = running.wait_logged(taken)
    assert line["changed"] == ["rules_public_keys", "worker_timeout"]
    # In force in both workers, and in one that starts later.
    os.kill(running.children()["worker 1"], signal.SIGKILL)
    running.wait_logged("child serves", child="worker 1", count=2)
    for _ in range(4):
        target = f"127.0.0.1:{running.port}"
        with Client(target, api_key=running.api_key) as other, pytest.raises(CallFailed) as caught:
            other.activate(content)
        assert caught.value.reason == "REASON_BUNDLE_UNSIGNED"
