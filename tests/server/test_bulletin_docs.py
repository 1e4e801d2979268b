"""What docs/bulletin.md says is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fairpost.cli import bulletin as commands
from fairpost.rules import bundle_of, load_packs
from fairpost.server import Config
from fairpost.server.bulletin.deliveries import PAUSES
from fairpost.server.bulletin.receiver_file import read_receivers

TEXT = (Path(__file__).parents[2] / "docs" / "bulletin.md").read_text(encoding="utf-8")


def test_every_command_is_told_of() -> None:
    for name in {
        command.name or command.callback.__name__ for command in commands.app.registered_commands if command.callback
    }:
        assert re.search(rf"fairpost bulletin {name}\b|`{name}", TEXT), name


def test_every_setting_is_told_of() -> None:
    section = TEXT.partition("## Settings")[2]
    told = set(
        re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `")))
    )
    assert told == {
        "require_notice",
        "notice_days",
        "registration_documents",
        "reinstatement_documents",
        "receivers",
        "private_webhooks",
    }
    assert told <= set(Config.model_fields)
    assert (Config.model_fields["require_notice"].default, Config.model_fields["notice_days"].default) == (False, 7)


def test_the_pauses() -> None:
    words = "5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h"
    units = {"s": 1, "min": 60, "h": 3600}
    assert words in TEXT
    assert tuple(int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)\b", words)) == PAUSES


def test_the_file_of_receivers(tmp_path: Path) -> None:
    example = TEXT.partition("```yaml\n")[2].partition("```")[0]
    secret = tmp_path / "hook"
    secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (tmp_path / "receivers.yaml").write_text(example.replace("/run/secrets/hook", str(secret)))
    assert [receiver.name for receiver in read_receivers(tmp_path / "receivers.yaml")] == ["shop-front", "account"]


def test_the_example_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    packs = Path(__file__).parents[1] / "data" / "packs"
    texts = {path.name: path.read_text(encoding="utf-8") for path in packs.glob("*.yaml")}
    for name, word in (("old", "包治]"), ("new", "包治, 药到病除]")):
        (tmp_path / name).mkdir()
        for file, text in texts.items():
            (tmp_path / name / file).write_text(text.replace("包治]", word), encoding="utf-8")
        (tmp_path / f"{name}.fpb").write_bytes(bundle_of(load_packs(tmp_path / name)))
    monkeypatch.chdir(tmp_path)
    exec(TEXT.partition("```python\n")[2].partition("```")[0], {})
    printed = capsys.readouterr().out
    assert printed.startswith("True [(('list', 'medical.cure'), 'stricter')]\n自 2026-12-12 起")
    assert "（在个别帖子上，效果可能相反。）" in printed
