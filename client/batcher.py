"""Many threads check single posts; the posts travel together."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING

from fairpost.client.batches import Filling
from fairpost.client.requests import post as post_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairpost.client.verdicts import Checked
    from fairpost.v1 import post_pb2

    Send = Callable[[Sequence[post_pb2.Post]], Sequence[Checked]]

__all__ = ["Batcher"]


class _Batch:
    """Posts that travel together, and later their verdicts."""

    def __init__(self, number: int, size: int) -> None:
        self.filling = Filling(number, size)
        self.full = threading.Event()
        self.done = threading.Event()
        self.results: Sequence[Checked] = ()
        self.failure: BaseException | None = None


class Batcher:
    """Collects posts from many threads into CheckPosts calls. Thread-safe; made by `Client.batched`.

    It has no thread of its own: the thread whose post begins a batch waits for company, for `max_wait` seconds or until
    there are `max_posts` posts or `max_bytes` bytes, and makes the call; the others wait for it. A single caller
    therefore pays `max_wait` on each post.
    """

    def __init__(self, send: Send, *, max_posts: int, max_wait: float, max_bytes: int) -> None:
        Filling(max_posts, max_bytes)
        if max_wait < 0:
            raise ValueError(f"max_wait is {max_wait}; 0 s or more")
        self._send = send
        self._limits = (max_posts, max_bytes)
        self._max_wait = max_wait
        self._lock = threading.Lock()
        self._open: _Batch | None = None

    def check(self, post: post_pb2.Post | str, **fields: object) -> Checked:
        """Judge one post, as `Client.check`.

        Raises:
            CallFailed: this post cannot be judged, or the call of its batch failed.
        """
        batch, place, leads = self._join(post_of(post, fields))
        if leads:
            self._lead(batch)
        else:
            batch.done.wait()
        if batch.failure is not None:
            raise copy.copy(batch.failure)  # each thread its own: a traceback belongs to one
        found = batch.results[place]
        if found.error is not None:
            raise found.error
        return found

    def _join(self, post: post_pb2.Post) -> tuple[_Batch, int, bool]:
        """The batch that takes the post, its place there, and whether the caller has to send it."""
        with self._lock:
            batch = self._open
            if batch is not None and not batch.filling.fits(post):
                batch.full.set()
                batch = None
            leads = batch is None
            if batch is None:
                batch = self._open = _Batch(*self._limits)
            place = len(batch.filling.posts)
            if batch.filling.add(post):
                batch.full.set()
                self._open = None
            return batch, place, leads

    def _lead(self, batch: _Batch) -> None:
        try:
            batch.full.wait(self._max_wait)
            with self._lock:
                if self._open is batch:
                    self._open = None
            batch.results = self._send(batch.filling.posts)
        except Exception as error:
            batch.failure = error
        except BaseException:
            # The leader is interrupted; the others are not, but nobody asks for their verdicts any more.
            batch.failure = RuntimeError("the thread that made the call for this post was interrupted")
            raise
        finally:
            with self._lock:
                if self._open is batch:
                    self._open = None
            batch.done.set()
