"""The audit log: who has changed what, append-only, each entry chained to the one before by a hash.

    caller.py    on whose behalf this thread works: what an entry's actor is
    chain.py     entries, their canonical form and hash, and how one is appended
    reading.py   verification, search

An entry is written in the transaction of the change itself, so that there is neither without the other. All writers
hold the row of `head`, which has the last entry's sequence and hash: there is one chain, whatever number of processes.
Personal data are in no entry: sellers are named by the sequences of their events, requests by a keyed hash.
"""

from __future__ import annotations

from fairpost.server.audit.caller import COMMAND, SERVER, acting, current
from fairpost.server.audit.chain import Entry, append

__all__ = ["COMMAND", "SERVER", "Entry", "acting", "append", "current"]
