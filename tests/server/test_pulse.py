"""Whether threads that answer calls get on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from fairpost.server.calls.pulse import Pulse


def test_idle_and_busy_threads_have_a_pulse() -> None:
    with ThreadPoolExecutor(2) as pool:
        pulse = Pulse(pool)
        assert pulse.stuck() == 0.0
        for _ in range(50):
            pool.submit(time.sleep, 0.005)
        assert pulse.stuck(patience=60.0) == 0.0  # behind all of these, but they get on
        one = threading.Event()
        pool.submit(one.wait)  # a long stream
        assert pulse.stuck() == 0.0  # the other thread answers
        one.set()


def test_held_threads_have_none_until_they_are_free() -> None:
    with ThreadPoolExecutor(2) as pool:
        pulse = Pulse(pool)
        free = threading.Event()
        for _ in range(2):
            pool.submit(free.wait)
        first = pulse.stuck(patience=0.05)
        assert 0.05 <= first < 1.0
        time.sleep(0.2)
        assert pulse.stuck(patience=0.0) >= first + 0.2  # since the same no-op was asked for
        free.set()
        assert pulse.stuck(patience=60.0) == 0.0
        assert pulse.stuck() == 0.0


def test_a_pool_that_ends_is_not_stuck() -> None:
    pool = ThreadPoolExecutor(1)
    pulse = Pulse(pool)
    pool.shutdown()
    assert pulse.stuck() == 0.0
