"""Rule sets alternate while threads check: every reply comes from one known revision and is that revision's."""

from __future__ import annotations

import threading
from typing import Any

from fairpost.client import Client
from fairpost.engine import RuleSet
from fairpost.v1 import post_pb2, verdict_pb2

ACTIVATIONS = 25


def test_swap_under_load(server: Any, bundle: Any) -> None:
    running = server().start()
    weights = {"根治": [0.97, 0.85, 0.4], "特效": [0.4, 0.97, 0.65]}
    actions = {0.97: verdict_pb2.ACTION_BLOCK, 0.85: verdict_pb2.ACTION_SHIELD, 0.65: verdict_pb2.ACTION_REVIEW}
    actions[0.4] = verdict_pb2.ACTION_LIMIT
    bundles, expected = [], {}
    for i in range(3):
        content = bundle({word: column[i] for word, column in weights.items()}, name=f"n{i}")
        bundles.append(content)
        expected[RuleSet.from_bytes(content).revision] = [actions[column[i]] for column in weights.values()]
    running.client.activate(bundles[0])
    posts = [post_pb2.Post(id=str(i), text=f"{'根治' if i % 2 == 0 else '特效'}{i}") for i in range(40)]
    stop, replies = threading.Event(), [0]
    faults: list[tuple[str, verdict_pb2.Verdict | Exception]] = []
    seen: set[str] = set()

    def look(revision: str, verdicts: list[verdict_pb2.Verdict]) -> None:
        replies[0] += 1
        seen.add(revision)
        for verdict in verdicts:
            wanted = expected[revision][int(verdict.post_id) % 2]
            if verdict.revision != revision or verdict.action != wanted or len(verdict.evidence) != 1:
                faults.append((revision, verdict))

    def unary() -> None:
        with Client(f"127.0.0.1:{running.port}") as client:
            while not stop.is_set():
                verdict = client.check(posts[7]).verdict
                look(verdict.revision, [verdict])
                verdicts = [checked.verdict for checked in client.check_batch(posts)]
                look(verdicts[0].revision, verdicts)

    def streaming() -> None:
        def batches() -> Any:
            while not stop.is_set():
                yield posts

        with Client(f"127.0.0.1:{running.port}") as client:
            for response in client.stream(batches()):
                look(response.revision, [result.verdict for result in response.results])

    def guarded(work: Any) -> None:
        try:
            work()
        except Exception as error:
            faults.append(("failed", error))

    callers = [threading.Thread(target=guarded, args=(work,)) for work in (unary, streaming)]
    for caller in callers:
        caller.start()
    activations = 0
    # Until each caller has seen each rule set often enough to have met a swap; a fault ends it.
    while (activations < ACTIVATIONS or replies[0] < 50 or seen != set(expected)) and not faults:
        running.client.activate(bundles[activations % 3])
        activations += 1
    stop.set()
    for caller in callers:
        caller.join()
    assert faults == []
    assert len(list((running.data_dir / "rules").glob("*.fpb"))) == 3
