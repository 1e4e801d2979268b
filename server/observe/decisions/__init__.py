"""The decision log: which post was judged how, when, by which revision, and why.

    log.py       DecisionLog: takes messages, picks decisions and writes them, in a thread of its own
    sampling.py  which decisions are logged
    messages.py  the posts and verdicts of a message's bytes
    records.py   a decision as a record
    files.py     LogFile: appending, rotation, what is left after a crash; reading
    export.py    records as Parquet
    replay.py    judging a logged post again

A record is one line of JSON; docs/observability.md has its fields.
"""

from fairpost.server.observe.decisions.log import DecisionLog

__all__ = ["DecisionLog"]
