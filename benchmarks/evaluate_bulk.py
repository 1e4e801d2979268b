"""`fairpost check` as a user runs it: speed and peak memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LEAST_POSTS_A_SECOND = 300_000
MOST_MEGABYTES = 600


def evaluate_bulk(path: Path) -> bool:
    """Check the file of posts, a post a line; true if engine speed and peak memory hold what is promised."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fairpost.cli", "check", str(path), "-o", f"{folder}/verdicts.parquet"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    print(printed)
    megabytes = usage.ru_maxrss / 1024
    print(f"peak memory {megabytes:.0f} MB (at most {MOST_MEGABYTES})")
    found = re.search(r"([\d,]+) posts/s in the engine", printed)
    if os.waitstatus_to_exitcode(status) or found is None:
        return False
    speed = int(found[1].replace(",", ""))
    print(f"engine {speed:,} posts/s on one core (at least {LEAST_POSTS_A_SECOND:,})")
    return speed >= LEAST_POSTS_A_SECOND and megabytes < MOST_MEGABYTES
