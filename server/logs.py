"""Structured log lines on standard error.

No personal data is logged: no texts of posts, no names, numbers or ids of sellers. Events are named by their sequence
in the registry's log, decisions by their id.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog

from fairpost.server.observe.access import name_call

if TYPE_CHECKING:
    from fairpost.server.config import Config

__all__ = ["configure"]


_process = ""


def name_process(name: str) -> None:
    """Let each line of this process tell which of a server's processes it is from."""
    global _process
    _process = name


def _add_process(_logger: Any, _method: str, event: Any) -> Any:
    return {"process": _process, **event} if _process else event


def configure(config: Config) -> None:
    """Set up structlog for this process; may be done again when settings have changed."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        name_call,
        _add_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Tracebacks without local variables, which may be requests.
    if config.log_format == "json":
        transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        processors.append(structlog.processors.ExceptionRenderer(transformer))
        processors.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    else:
        colours = sys.stderr.isatty()
        plain = structlog.dev.plain_traceback
        processors.append(structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, config.log_level.upper())),
        # One write for each line: several processes share standard error.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        # Not cached: the level may change.
        cache_logger_on_first_use=False,
    )
