"""The command line: `fairpost check`, `serve`, `rules`, `seller` and `demo`.

Nothing here is imported by the other parts. Commands import what they need when they run, so that
`fairpost rules lint` works without the extras `server` and `bulk`.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Entry point of the console script."""
    from fairpost.cli.app import app

    app()
