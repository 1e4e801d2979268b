"""Help, `serve`, `seller` and the demo, as a user runs them."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps what is its own."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(bundle: Path, folder: Path) -> Iterator[str]:
    """A real `fairpost serve` on a free port."""
    port_file = folder / "port"
    command = [sys.executable, "-m", "fairpost.cli", "serve", "--port", "0", "--port-file", str(port_file)]
    command += ["--data-dir", str(folder / "registry"), "--rules", str(bundle)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    port = ""
    while not port and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            port = port_file.read_text().strip()
    assert port, process.stderr.read() if process.stderr else ""
    yield f"127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    try:
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, log


BULLETIN_COMMANDS = (
    *("publish", "schedule", "withdraw", "list", "show", "notice", "feed"),
    *("acknowledge", "acknowledgements", "deliveries", "retry"),
)
SELLER_COMMANDS = (
    *("register", "show", "lookup", "update", "list", "events", "warn", "limit", "shield", "suspend", "reinstate"),
    *("blacklist", "rehabilitate", "strike", "verify", "licence", "close", "reopen"),
    *("export", "erase"),
)


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["check"],
        ["serve"],
        ["demo"],
        ["decisions"],
        ["decisions", "export"],
        ["replay"],
        ["rules"],
        *(["rules", name] for name in ("lint", "test", "compile", "diff", "schema")),
        *(["rules", name] for name in ("keygen", "sign", "verify", "push", "activate", "rollback", "status")),
        *(["rules", name] for name in ("keep", "compare", "shadows")),
        ["seller"],
        *(["seller", name] for name in SELLER_COMMANDS),
        ["complaint"],
        *(["complaint", name] for name in ("file", "assign", "answer", "resolve", "withdraw", "show", "list")),
        ["appeal"],
        *(["appeal", name] for name in ("file", "uphold", "overturn", "show", "list")),
        ["review"],
        *(["review", name] for name in ("list", "queue", "show", "claim", "release", "uphold", "overturn", "watch")),
        ["bulletin"],
        *(["bulletin", name] for name in BULLETIN_COMMANDS),
        ["registry"],
        *(["registry", name] for name in ("import", "export", "migrate", "verify", "run-jobs", "rotate-key")),
    ],
    ids=" ".join,
)
def test_every_command_has_help(command: list[str], run: Run) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "Usage: fairpost" in " ".join(done.stdout.split())


@pytest.mark.parametrize("command", [[], ["check"], ["serve"]], ids=" ".join)
def test_help_has_examples(command: list[str], run: Run) -> None:
    assert "Examples:" in run(*command, "--help").stdout


def test_version(run: Run) -> None:
    assert re.fullmatch(r"fairpost \d+\.\d+\.\d+\n", run("--version").stdout)


def test_unknown_command(run: Run) -> None:
    done = run("chek")
    assert done.returncode == 2
    assert "No such command 'chek'" in done.stderr


def test_seller_from_registration_to_bulk_check(server: str, bundle: Path, tmp_path: Path, run: Run) -> None:
    done = run(
        "seller", "register", "pharmacy", "--kind", "enterprise", "--name", "安民药房", "--category", "drugs",
        "--credit-code", "91350100M000100Y43", "--licence", "drug-retail,YP0001,2024-01-01", "--server", server,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "registered pharmacy" in done.stdout
    assert "active, enforcement none, listing none; licences drug-retail; 0 days" in done.stdout
    shown = run("seller", "show", "pharmacy", FAIRPOST_SERVER=server)
    assert "安民药房" in shown.stdout
    assert "drug-retail YP0001, from 2024-01-01" in shown.stdout
    looked = run("seller", "lookup", "pharmacy", "nobody", "--server", server)
    assert looked.returncode == 1
    assert re.search(r"pharmacy +active", looked.stdout)
    assert re.search(r"nobody +not registered", looked.stdout)

    # The licence makes the claim lawful for this seller and for nobody else.
    (tmp_path / "x.csv").write_text("text,seller\n根治,pharmacy\n根治,nobody\n根治,\n", encoding="utf-8")
    done = run(
        "check", "x.csv", "--rules", bundle, "--seller-column", "seller", "--registry", server, "-o", "out.csv"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line.split(",") for line in (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1:]]
    assert [row[1] for row in rows] == ['"ALLOW"', '"SHIELD"', '"SHIELD"']
    assert [row[-2] for row in rows] == ['"active/none/none"', '"not_found"', ""]


def test_the_registry_file_answers_like_the_server(
    server: str, folder: Path, bundle: Path, tmp_path: Path, run: Run
) -> None:
    run("seller", "register", "maker", "--kind", "enterprise", "--name", "甲", "--category", "toys",
        "--credit-code", "91350100M000100Y43", "--server", server)  # fmt: skip
    file = folder / "registry" / "registry.sqlite"
    (tmp_path / "x.csv").write_text("text,seller\na,maker\na,nobody\n", encoding="utf-8")
    for name, url in (("a.jsonl", server), ("b.jsonl", f"sqlite:///{file}")):
        run("check", "x.csv", "--rules", bundle, "--seller-column", "seller", "--registry", url, "-o", name)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert '"active/none/none"' in (tmp_path / "b.jsonl").read_text(encoding="utf-8")


def test_what_is_wrong_with_a_registration_is_told_at_once(server: str, run: Run) -> None:
    done = run("seller", "register", "x y", "--kind", "enterprise", "--name", "甲", "--server", server,
               "--credit-code", "91350100M000100Y4Z")  # fmt: skip
    assert done.returncode == 1
    assert "INVALID_ARGUMENT (REASON_INVALID_FIELD)" in done.stderr
    for field in ("seller_id: ", "credit_code: ", "categories: "):
        assert f"\n  {field}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["register", "a", "--name", "甲", "--kind", "enterprize"],
            "--kind enterprize: unknown; one of natural-person",
        ),
        (["register", "a", "--name", "甲", "--licence", "food"], "--licence 'food': expected SCOPE,NUMBER,FROM"),
        (["register", "a", "--name", "甲", "--licence", "fod,1,2024-01-01"], "unknown scope 'fod'; one of food"),
        (["lookup", "a", "--server", "127.0.0.1:1"], "no fairpost server answers at 127.0.0.1:1"),
    ],
)
def test_seller_errors(arguments: list[str], message: str, run: Run) -> None:
    done = run("seller", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_unknown_seller(server: str, run: Run) -> None:
    done = run("seller", "show", "nobody", "--server", server)
    assert done.returncode == 1
    assert "NOT_FOUND (REASON_SELLER_NOT_FOUND)" in done.stderr


def test_every_setting_of_the_server_is_a_flag_and_documented() -> None:
    import inspect

    from fairpost.cli.serve import serve
    from fairpost.server import Config

    assert set(inspect.signature(serve).parameters) == set(Config.model_fields)
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    for name in Config.model_fields:
        assert f"`{name}`" in page


def test_serve_names_wrong_settings(run: Run) -> None:
    done = run("serve", "--port", "99999", "--log-format", "xml")
    assert done.returncode == 2
    assert "--port (FAIRPOST_PORT) 99999: " in done.stderr
    assert "--log-format (FAIRPOST_LOG_FORMAT) 'xml': " in done.stderr


def test_demo_in_a_narrow_terminal_that_leaves_the_server_running(run: Run) -> None:
    done = run("demo", "--keep", process=True, COLUMNS="70")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no request failed" in done.stdout
    assert re.search(r"Revision [0-9a-f]{12} -> [0-9a-f]{12}, activated in", " ".join(done.stdout.split()))
    assert "not as expected" not in done.stdout
    assert "\x1b" not in done.stdout
    demo, _, _ = done.stdout.partition("The server")  # what follows is to be copied, and is not broken into lines
    assert max(map(len, demo.splitlines())) <= 70
    found = re.search(r"kill \d+ && tail --pid=\d+ -f /dev/null && rm -r (\S+)", done.stdout)
    assert found, done.stdout + done.stderr
    target = re.search(r"It listens on (\S+);", done.stdout)
    assert target
    try:
        assert run("seller", "lookup", "seller-food", "--server", target[1]).returncode == 0
    finally:
        subprocess.run(found[0], shell=True, check=True, timeout=30)  # as the user is told
    assert not Path(found[1]).exists()
