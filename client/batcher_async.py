"""As batcher.py, for asyncio: many tasks check single posts; the posts travel together."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING

from fairpost.client.batches import Filling
from fairpost.client.requests import post as post_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fairpost.client.verdicts import Checked
    from fairpost.v1 import post_pb2

    Send = Callable[[Sequence[post_pb2.Post]], Awaitable[Sequence[Checked]]]

__all__ = ["AsyncBatcher"]


class _Batch:
    """Posts that travel together, and the task that sends them."""

    def __init__(self, number: int, size: int) -> None:
        self.filling = Filling(number, size)
        self.full = asyncio.Event()
        self.task: asyncio.Task[Sequence[Checked]]


class AsyncBatcher:
    """Collects posts from the tasks of one event loop into CheckPosts calls; made by `AsyncClient.batched`.

    The first post of a batch waits for company, for `max_wait` seconds or until there are `max_posts` posts or
    `max_bytes` bytes. A task that is cancelled takes nobody else's verdict away.
    """

    def __init__(self, send: Send, *, max_posts: int, max_wait: float, max_bytes: int) -> None:
        Filling(max_posts, max_bytes)
        if max_wait < 0:
            raise ValueError(f"max_wait is {max_wait}; 0 s or more")
        self._send = send
        self._limits = (max_posts, max_bytes)
        self._max_wait = max_wait
        self._open: _Batch | None = None

    async def check(self, post: post_pb2.Post | str, **fields: object) -> Checked:
        """Judge one post, as `AsyncClient.check`.

        Raises:
            CallFailed: this post cannot be judged, or the call of its batch failed.
        """
        message = post_of(post, fields)
        batch = self._open
        if batch is not None and not batch.filling.fits(message):
            batch.full.set()
            batch = None
        if batch is None:
            batch = self._open = _Batch(*self._limits)
            batch.task = asyncio.ensure_future(self._lead(batch))
        place = len(batch.filling.posts)
        if batch.filling.add(message):
            batch.full.set()
            self._open = None
        try:
            results = await asyncio.shield(batch.task)
        except asyncio.CancelledError:
            raise
        except Exception as failure:
            raise copy.copy(failure) from None
        found = results[place]
        if found.error is not None:
            raise found.error
        return found

    async def _lead(self, batch: _Batch) -> Sequence[Checked]:
        try:
            async with asyncio.timeout(self._max_wait):
                await batch.full.wait()
        except TimeoutError:
            pass
        if self._open is batch:
            self._open = None
        return await self._send(batch.filling.posts)
