"""The command line: `fairpost check`, `serve`, `rules`, `seller` and `demo`.

Nothing here is imported by the other parts. Commands import what they need when they run, so that
`fairpost rules lint` works without the extras `server` and `bulk`, and `--help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script: runs a command and exits with its status."""
    from fairpost.cli.app import app
    from fairpost.cli.errors import CommandError

    try:
        app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="fairpost")
    except CommandError as error:
        print(f"fairpost: {error}", file=sys.stderr)
        raise SystemExit(error.status) from None
    except BrokenPipeError:  # fairpost check ... | head
        sys.stderr.close()
        raise SystemExit(141) from None
