"""Overload: more calls than a server can answer, for a minute. What is answered, how soon, and what it costs.

    .venv/bin/python benchmarks/overload.py                            # 3 times capacity for 60 s
    .venv/bin/python benchmarks/overload.py --seconds 10 --posts 1024 --factor 2

One worker on one core; calls of CheckPosts come from another process on another core, as open load: at their times,
whatever became of those before. So three figures are taken one after the other: the latency of one caller alone, the
capacity (as many calls in flight as serve it best), and goodput and latency of what is answered while `factor` times
the capacity is offered. A refused call is not repeated; that it is told to wait, and for how long, is counted.

Small calls cannot be offered this way: a refusal costs the server half of a small answered call, so at three times the
capacity nothing would be left. What protects a server from those is that clients wait (`max_calls_per_connection`, and
RetryInfo, which fairpost.client honours): `--closed` measures that, by callers who do as they are told.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import grpc
from serving import serving

from fairpost.client import CallFailed
from fairpost.v1 import filter_pb2, post_pb2

PATH = "/fairpost.v1.FilterService/CheckPosts"
TEXTS = ("手工辣椒酱，一瓶15元，三瓶40元包邮", "周末去爬山，天气真好", "祖传秘方根治糖尿病，无效退款，加微信 abc12345")


class Load:
    """Calls of one batch over some connections."""

    def __init__(self, port: int, posts: int, channels: int) -> None:
        batch = [post_pb2.Post(text=TEXTS[i % len(TEXTS)]) for i in range(posts)]
        self.content = filter_pb2.CheckPostsRequest(posts=batch, dry_run=True).SerializeToString()
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self.channels = [grpc.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(channels)]
        self.calls = [channel.unary_unary(PATH, None, None) for channel in self.channels]

    def alone(self, seconds: float) -> list[float]:
        """Latencies of one caller, one call after the other."""
        found: list[float] = []
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            self.calls[0](self.content, timeout=10)
            found.append(time.perf_counter() - began)
        return found

    def closed(self, seconds: float, callers: int) -> dict[str, Any]:
        """So many callers, each one call after the other, who wait as RetryInfo says when they are refused."""
        answered: list[list[float]] = [[] for _ in range(callers)]
        refused = [0] * callers
        begin = time.perf_counter() + 0.5

        def call(number: int) -> None:
            one = self.calls[number % len(self.calls)]
            while (began := time.perf_counter()) < begin + seconds:
                try:
                    one(self.content, timeout=30)
                except grpc.RpcError as error:
                    refused[number] += 1
                    time.sleep(CallFailed.of(error).retry_after or 0.05)
                else:
                    if began >= begin:
                        answered[number].append(time.perf_counter() - began)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        latencies = [latency for each in answered for latency in each]
        return {"rate": len(latencies) / seconds, "latencies": latencies, "refused": sum(refused) / seconds}

    def offered(self, seconds: float, rate: float) -> dict[str, Any]:
        """Calls at random times, so many a second, whatever became of those before."""
        lock, done = threading.Lock(), threading.Event()
        latencies: list[float] = []
        counts = {"refused": 0, "told when": 0, "failed": 0}
        pending = 0

        def ended(future: Any, began: float) -> None:
            nonlocal pending
            now = time.perf_counter()
            code = future.code()
            with lock:
                pending -= 1
                if code is grpc.StatusCode.OK:
                    latencies.append(now - began)
                elif code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                    counts["refused"] += 1
                    counts["told when"] += any(
                        key == "grpc-status-details-bin" for key, _ in future.trailing_metadata()
                    )
                else:
                    counts["failed"] += 1
                if not pending:
                    done.set()

        start = due = time.perf_counter()
        sent = 0
        while due < start + seconds:
            if (ahead := due - time.perf_counter()) > 0.0005:
                time.sleep(ahead)
            began = time.perf_counter()
            with lock:
                pending += 1
                done.clear()
            future = self.calls[sent % len(self.calls)].future(self.content, timeout=30)
            future.add_done_callback(functools.partial(ended, began=began))
            sent += 1
            due += random.expovariate(rate)
        took = time.perf_counter() - start
        done.wait(40)
        rates = {key: count / took for key, count in counts.items()}
        return {"rate": len(latencies) / took, "offered": sent / took, "latencies": latencies, **rates}


def quantile(latencies: list[float], share: float) -> float:
    """Milliseconds."""
    ordered = sorted(latencies)
    return round(ordered[int(share * (len(ordered) - 1))] * 1000, 2) if ordered else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--posts", type=int, default=1000, help="posts in a call")
    parser.add_argument("--factor", type=float, default=3.0, help="of the capacity")
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--closed", action="store_true", help="callers who wait instead of open load")
    parser.add_argument("--options", nargs="*", default=[], help="further options of fairpost serve, without --")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="fairpost-overload-") as name:
        folder = Path(name)
        options = ["--workers", "1"]
        for option in arguments.options:
            key, _, value = option.partition("=")
            options += [f"--{key}", *([value] if value else [])]
        os.sched_setaffinity(0, set(cores[1:]) or {cores[0]})
        with serving(folder, *options, prefix=["taskset", "-c", str(cores[0])]) as server:
            load = Load(server.port, arguments.posts, arguments.channels)
            load.alone(1.0)
            alone = load.alone(min(5.0, arguments.seconds))
            callers = 4
            capacity = load.closed(min(10.0, arguments.seconds), callers)
            if arguments.closed:
                found = load.closed(arguments.seconds, round(callers * arguments.factor))
            else:
                found = load.offered(arguments.seconds, capacity["rate"] * arguments.factor)
    latencies = found.pop("latencies")
    print(
        json.dumps(
            {
                "posts_a_call": arguments.posts,
                "alone_p50_ms": quantile(alone, 0.5),
                "alone_p99_ms": quantile(alone, 0.99),
                "capacity_calls_s": round(capacity["rate"], 1),
                "capacity_p99_ms": quantile(capacity["latencies"], 0.99),
                "overload": {key: round(value, 1) for key, value in found.items()},
                "answered_p50_ms": quantile(latencies, 0.5),
                "answered_p99_ms": quantile(latencies, 0.99),
                "goodput_of_capacity": round(found["rate"] / capacity["rate"], 3),
                "p99_of_alone_p99": round(quantile(latencies, 0.99) / quantile(alone, 0.99), 2),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
