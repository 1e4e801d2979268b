"""Clients of the server: `Client` for threads, `AsyncClient` for asyncio.

    from fairpost.client import Client

    with Client("127.0.0.1:50051") as client:
        checked = client.check("本店茶叶根治糖尿病", seller_id="seller-1", channel="moments")
        for checked in client.check_many(posts):
            ...

Needs the extra `client`: grpc and the messages of fairpost.v1, neither the engine nor the server.
"""

from __future__ import annotations

from fairpost.client.aio import AsyncClient
from fairpost.client.batcher import Batcher
from fairpost.client.batcher_async import AsyncBatcher
from fairpost.client.client import Client
from fairpost.client.connections import Tls
from fairpost.client.errors import CallFailed
from fairpost.client.mirror import MirrorBroken, SellerMirror
from fairpost.client.options import Options
from fairpost.client.retrying import Pace, Retry
from fairpost.client.verdicts import Checked, OnFailure

__all__ = [
    "AsyncBatcher",
    "AsyncClient",
    "Batcher",
    "CallFailed",
    "Checked",
    "Client",
    "MirrorBroken",
    "OnFailure",
    "Options",
    "Pace",
    "Retry",
    "SellerMirror",
    "Tls",
]
