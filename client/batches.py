"""Posts into batches, by number and by bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

    from fairpost.v1 import post_pb2

__all__ = ["Filling", "batches", "batches_async", "either"]

Item = TypeVar("Item")

_FIELD = 6  # tag and length of a post in its request, at most


class Filling:
    """A batch that is being filled with up to `number` posts and `size` bytes.

    Raises:
        ValueError: one of them is below 1.
    """

    def __init__(self, number: int, size: int) -> None:
        if number < 1 or size < 1:
            raise ValueError(f"a batch of {number} posts and {size} bytes holds nothing; at least 1 of each")
        self._number = number
        self._size = size
        self._bytes = 0
        self.posts: list[post_pb2.Post] = []

    def fits(self, post: post_pb2.Post) -> bool:
        """Whether it can be added. An empty batch takes any post: the server says what is wrong with a huge one."""
        return not self.posts or self._bytes + post.ByteSize() + _FIELD <= self._size

    def add(self, post: post_pb2.Post) -> bool:
        """Add it; tells whether the batch is full now."""
        self.posts.append(post)
        self._bytes += post.ByteSize() + _FIELD
        return len(self.posts) >= self._number or self._bytes >= self._size

    def put(self, post: post_pb2.Post) -> Iterator[list[post_pb2.Post]]:
        """Add it; gives what is full before or after that."""
        if not self.fits(post):
            yield self.take()
        if self.add(post):
            yield self.take()

    def take(self) -> list[post_pb2.Post]:
        """What is in it; it is empty afterwards."""
        taken, self.posts, self._bytes = self.posts, [], 0
        return taken


def batches(posts: Iterable[post_pb2.Post], filling: Filling) -> Iterator[list[post_pb2.Post]]:
    """All posts, in order."""
    for post in posts:
        yield from filling.put(post)
    if filling.posts:
        yield filling.take()


async def batches_async(
    posts: AsyncIterable[post_pb2.Post] | Iterable[post_pb2.Post], filling: Filling
) -> AsyncIterator[list[post_pb2.Post]]:
    """All posts, in order, from an iterable of either kind."""
    async for post in either(posts):
        for full in filling.put(post):
            yield full
    if filling.posts:
        yield filling.take()


async def either(items: AsyncIterable[Item] | Iterable[Item]) -> AsyncIterator[Item]:
    """The items of an iterable of either kind."""
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
