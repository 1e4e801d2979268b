"""What an installed wheel must do, run in a clean environment outside the source tree.

`smoke.py base`: without extras. `smoke.py all`: with all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import fairpost.engine
from fairpost.engine import Action, RuleSet
from fairpost.rules import shipped_packs

GOOD = "今天天气不错，和朋友去爬山"
BAD = "祖传秘方根治糖尿病，无效退款，三盒包邮998元，加微信 abc12345"


def run(*arguments: str, status: int = 0) -> str:
    """Run the installed command and return what it printed."""
    command = Path(sys.executable).parent / "fairpost"
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != status:
        raise SystemExit(f"fairpost {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def assert_pages() -> None:
    """Templates, messages and static files of the pages are in the wheel."""
    from importlib import resources

    web = resources.files("fairpost.server.web")
    for path in ("templates/base.html", "templates/console/layout.html", "messages/zh/common.yaml", "static/site.css"):
        assert web.joinpath(path).is_file(), f"the wheel has no {path}"


def main(extras: str) -> None:
    """Walk through the commands that need no server."""
    installed = Path(fairpost.engine.__file__)
    assert Path(sys.prefix) in installed.parents, f"imported from {installed}, not from the wheel"
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "shipped.fpb"
        run("rules", "compile", str(shipped_packs()), "-o", str(bundle))
        run("rules", "test")
        rules = RuleSet.open(bundle)
        assert rules.check(GOOD).action == Action.ALLOW, rules.check(GOOD)
        assert rules.check(BAD).action >= Action.SHIELD, rules.check(BAD)
        posts = Path(folder) / "posts.txt"
        posts.write_text(f"{GOOD}\n{BAD}\n", encoding="utf-8")
        if extras == "base":
            assert "pip install 'fairpost[server]'" in run("serve", status=2)
            assert "pip install 'fairpost[bulk]'" in run("check", str(posts), status=2)
        else:
            out = Path(folder) / "out.jsonl"
            run("check", str(posts), "-o", str(out))
            rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
            assert [row["action"] for row in rows] == [rules.check(text).action.name for text in (GOOD, BAD)]
            run("check", str(posts), "-o", str(Path(folder) / "out.parquet"))
            assert "no request failed" in run("demo")
            assert_pages()
    print(f"wheel works ({extras})")


if __name__ == "__main__":
    main(sys.argv[1])
