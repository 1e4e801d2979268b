"""The public pages with 10,000 documents, and while one client floods the check page.

    make pages                                                     # SQLite and PostgreSQL
    PYTHONPATH=tests .venv/bin/python benchmarks/pages.py --documents 1000 --stores sqlite

A real `fairpost serve` with a store of that many documents of 5 KB (Chinese and English). Readers come by HTTP through
a trusted proxy, as many addresses, so that no reader's limit is reached; each page is asked for one after the other,
and the median counts. Then one client posts --flood checks a second for --seconds, while others ask for checks and
pages, one at a time each.

Exit status 1 if a page takes 50 ms or more at the median, if the flood is not limited (429), or if another reader's
request fails or takes 50 ms at the median.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
from cluster import Cluster
from serving import exit_status, serving

from fairpost.server.bulletin.documents import Draft
from fairpost.server.bulletin.service import Bulletin
from fairpost.server.registry import Keys, Registry
from fairpost.server.registry.transaction import Transaction
from fairpost.server.store import Store
from fairpost.server.web.forms import FIELD
from fairpost.v1 import bulletin_pb2

BOUND = 0.05
_BATCH = 500
_HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 1500)]
_LATIN = ("seller", "must", "post", "price", "rule", "food", "claim", "notice", "never", "medicine", "order", "return")
_CATEGORIES = ("MEDICAL", "FOOD", "COSMETIC")
_POST = "祖传秘方根治糖尿病，全网第一，三盒包邮九十九元，加微信 abc12345"


def fill(url: str, key_file: Path, documents: int) -> str:
    """Publish so many documents; gives the id of one of them, of which there are two versions."""
    dice = random.Random(20261129)
    registry = Registry(Store.open(url), Keys.open(key_file))
    registry.lookups.reload()
    bulletin = Bulletin(registry, lambda: None)

    def content() -> bulletin_pb2.DocumentContent:
        made = bulletin_pb2.DocumentContent(categories=[dice.choice(_CATEGORIES)])
        made.title.zh, made.title.en = "".join(dice.choices(_HAN, k=15)), " ".join(dice.choices(_LATIN, k=4)).title()
        made.body.zh = "".join(dice.choices([*_HAN, "，", "。\n\n"], k=1100))
        made.body.en = " ".join(dice.choices(_LATIN, k=300))
        return made

    for begin in range(0, documents, _BATCH):
        drafts = [Draft("", dice.randint(1, 4), content(), "", "p") for _ in range(min(_BATCH, documents - begin))]

        def publish(connection: Transaction, drafts: list[Draft] = drafts) -> None:
            for draft in drafts:
                bulletin.documents.put(connection, draft, None)

        registry.core.write(publish)
    listed = bulletin_pb2.ListDocumentsRequest(page_size=1, titles_only=True)
    first = bulletin.reading.list(listed).documents[0]
    again = Draft(first.document_id, first.kind, content(), "", "p")
    registry.core.write(lambda connection: bulletin.documents.put(connection, again, None))
    registry.close()
    return first.document_id


class Readers:
    """Who asks: each time another address, unless one is named."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._number = 0

    def headers(self, address: str = "") -> dict[str, str]:
        self._number += 1
        number = self._number
        other = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return {"x-forwarded-for": address or other, "origin": self._base, "accept-language": "zh"}


def form_of(page: str) -> dict[str, str]:
    """A check to send, with the token of the page's form; its cookie is with the client."""
    token = re.search(rf'name="{FIELD}" value="([0-9a-f]+)"', page)
    assert token, page
    return {"text": _POST, FIELD: token[1]}


def time_pages(base: str, document: str, rounds: int) -> dict[str, float]:
    """Median seconds of each page."""
    readers = Readers(base)
    found: dict[str, float] = {}
    with httpx.Client(base_url=base, timeout=30) as client:
        rules = client.get("/rules", headers=readers.headers())
        paths = {
            "home": "/",
            "documents": "/documents",
            "documents of a category": "/documents?category=MEDICAL",
            "query, a word of Chinese": f"/documents?q={_HAN[7]}{_HAN[9]}",
            "query, one character": f"/documents?q={_HAN[7]}",
            "query, a Latin word of all": "/documents?q=medicine",
            "query, two Latin words": "/documents?q=never%20return",
            "query that finds nothing": "/documents?q=%E9%AD%91%E9%AD%85%E9%AD%8D%E9%AD%89",
            "a document": f"/documents/{document}",
            "differences of two versions": f"/documents/{document}/differences",
            "Atom feed": "/bulletin/feed.atom",
            "JSON feed": "/bulletin/feed.json",
            "rules in force": "/rules",
            "rules of a category": "/rules?category=MEDICAL",
            "a seller that is not registered": "/sellers?id=nobody",
            "check page": "/check",
        }
        assert rules.status_code == 200, rules.text
        for name, path in paths.items():
            taken = []
            for i in range(rounds + 1):
                begun = time.perf_counter()
                answer = client.get(path, headers=readers.headers())
                if i:  # the first one fills caches
                    taken.append(time.perf_counter() - begun)
                assert answer.status_code in {200, 404}, (path, answer.status_code, answer.text[:500])
            found[name] = statistics.median(taken)
        taken = []
        form = form_of(client.get("/check", headers=readers.headers()).text)
        for _ in range(rounds):
            begun = time.perf_counter()
            answer = client.post("/check", data=form, headers=readers.headers())
            taken.append(time.perf_counter() - begun)
            assert answer.status_code == 200, answer.text[:500]
        found["check of a post"] = statistics.median(taken)
    return found


async def flood(base: str, rate: float, seconds: float) -> tuple[Counter[int], list[float], list[float], int]:
    """Statuses of the flood; seconds that other readers' checks and pages took; how many of these failed."""
    readers = Readers(base)
    statuses: Counter[int] = Counter()
    checks: list[float] = []
    pages: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds
    async with httpx.AsyncClient(base_url=base, timeout=30) as client:
        form = form_of((await client.get("/check", headers=readers.headers())).text)

        async def one() -> None:
            answer = await client.post("/check", data=form, headers=readers.headers("192.0.2.1"))
            statuses[answer.status_code] += 1

        async def attack() -> None:
            begun, sent, running = time.perf_counter(), 0, set()
            while (now := time.perf_counter()) < end:
                while sent < (now - begun) * rate:
                    running.add(asyncio.create_task(one()))
                    sent += 1
                await asyncio.sleep(0.002)
            await asyncio.gather(*running)

        async def read(into: list[float], method: str, path: str, data: dict[str, str] | None = None) -> None:
            nonlocal failed
            while time.perf_counter() < end:
                begun = time.perf_counter()
                answer = await client.request(method, path, data=data, headers=readers.headers())
                into.append(time.perf_counter() - begun)
                failed += answer.status_code != 200
                await asyncio.sleep(0.05)

        await asyncio.gather(attack(), read(checks, "POST", "/check", form), read(pages, "GET", "/documents"))
    return statuses, checks, pages, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--stores", default="sqlite,postgresql")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--flood", type=float, default=100.0, help="checks a second from one client")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    broken: list[str] = []
    for store in options.stores.split(","):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if store == "sqlite":
                url = f"sqlite:///{folder}/registry.sqlite"
            else:
                cluster = stack.enter_context(Cluster())
                url = cluster.url(cluster.database())
            (folder / "data").mkdir()
            document = fill(url, folder / "data" / "identity.key", options.documents)
            http = ["--http-port", "0", "--http-port-file", str(folder / "http"), "--trusted-proxies", "127.0.0.0/8"]
            stack.enter_context(serving(folder, *http, "--registry", url))
            base = f"http://127.0.0.1:{(folder / 'http').read_text().strip()}"
            for name, seconds in time_pages(base, document, options.rounds).items():
                print(f"{store:>10}: {name:<32} {seconds * 1e3:6.1f} ms")
                if seconds >= BOUND:
                    broken.append(f"{store}: {name} takes {seconds * 1e3:.1f} ms at the median")
            statuses, checks, pages, failed = asyncio.run(flood(base, options.flood, options.seconds))
            medians = [statistics.median(taken) for taken in (checks, pages)]
            print(
                f"{store:>10}: one client, {sum(statuses.values()) / options.seconds:.0f} checks a second: "
                f"{dict(statuses)}; others' checks {medians[0] * 1e3:.1f} ms, documents {medians[1] * 1e3:.1f} ms"
            )
            if failed or max(medians) >= BOUND:
                broken.append(f"{store}: under the flood {failed} requests of others failed; medians {medians}")
            if statuses[429] < sum(statuses.values()) / 2:
                broken.append(f"{store}: the flood was not limited: {dict(statuses)}")
    return exit_status(broken)


if __name__ == "__main__":
    sys.exit(main())
