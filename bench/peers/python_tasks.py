#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's pools in the rows T3 to T6, D1 and D2; prints JSON as python_pool.py does.

multiprocessing.Pool is missing in D1 and D2: it hangs when a worker is killed.
"""

import os
import signal
import time

from python_pool import WORKERS, measure, successor

COARSE = 64
BLOCKS = 200
BLOCK = 1 << 20
TRIPS = 500
TASKS = 20_000
DEATHS = 10


def grind(seed):
    x = seed + 1
    for _ in range(20_000):
        x ^= (x << 13) & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= (x << 17) & 0xFFFFFFFFFFFFFFFF
    return x


def make_block(i):
    return bytes([i % 128]) * BLOCK


def nap(milliseconds):
    time.sleep(milliseconds / 1000)
    return os.getpid()


def check_blocks(results):
    for i, block in enumerate(results):
        assert len(block) == BLOCK and block[0] == block[-1] == i % 128


def median_of(name, times):
    import statistics

    median = statistics.median(times)
    deviation = statistics.median(abs(t - median) for t in times)
    return {"name": name, "median_ns": median, "mad_ns": deviation, "items_per_second": 1e9 / median}


def trips(name, ask):
    times = []
    for i in range(TRIPS):
        start = time.perf_counter_ns()
        assert ask(i) == i + 1
        times.append(time.perf_counter_ns() - start)
    return median_of(name, times)


def beyond_in_order(executor):
    """What as_completed costs beyond asking the futures in their order."""
    import concurrent.futures

    times = []
    for _ in range(3):
        start = time.perf_counter_ns()
        assert sum(f.result() for f in [executor.submit(successor, i) for i in range(TASKS)]) > 0
        in_order = time.perf_counter_ns() - start
        start = time.perf_counter_ns()
        futures = [executor.submit(successor, i) for i in range(TASKS)]
        assert sum(f.result() for f in concurrent.futures.as_completed(futures)) == TASKS * (TASKS + 1) // 2
        times.append(max(time.perf_counter_ns() - start - in_order, 1) / TASKS)
    return median_of("T6/peer/Python_ProcessPoolExecutor", times)


def deaths(context):
    """From the SIGKILL to the next result: a broken executor has to be made anew."""
    import concurrent.futures

    times = []
    executor = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
    worker = executor.submit(os.getpid).result()
    for _ in range(DEATHS):
        start = time.perf_counter_ns()
        os.kill(worker, signal.SIGKILL)
        while True:
            try:
                following = executor.submit(os.getpid).result()
                break
            except concurrent.futures.process.BrokenProcessPool:
                executor.shutdown()
                executor = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
        times.append(time.perf_counter_ns() - start)
        assert following != worker
        worker = following
    executor.shutdown()
    return median_of("D1/peer/Python_ProcessPoolExecutor", times)


def losses(context):
    import concurrent.futures

    with concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=context) as executor:
        start = time.perf_counter_ns()
        futures = [executor.submit(nap, 1) for _ in range(100)]
        os.kill(futures[10].result(), signal.SIGKILL)
        lost = sum(f.exception() is not None for f in futures)
        row = median_of("D2/peer/Python_ProcessPoolExecutor", [time.perf_counter_ns() - start])
    return row | {"lost": lost}


def main():
    import concurrent.futures
    import json
    import multiprocessing
    import platform
    import sys

    rows = []
    context = multiprocessing.get_context("fork")  # Its fastest.
    alone = [grind(i) for i in range(COARSE)]

    def check_coarse(results):
        assert list(results) == alone

    # The same work takes another time in Python: so its efficiency has a limit of its own.
    limit = measure("T3_Python/limit/half_of_serial", COARSE, lambda: [grind(i) for i in range(COARSE)])
    for key, factor in (("median_ns", 1 / WORKERS), ("mad_ns", 1 / WORKERS), ("items_per_second", WORKERS)):
        limit[key] *= factor
    rows.append(limit)

    with context.Pool(WORKERS) as pool:
        rows.append(
            measure("T3_Python/peer/Python_Pool", COARSE, lambda: check_coarse(pool.map(grind, range(COARSE), chunksize=1)))
        )
        rows.append(
            measure("T4/peer/Python_Pool", BLOCKS, lambda: check_blocks(pool.imap(make_block, range(BLOCKS))))
        )
        rows.append(trips("T5/peer/Python_Pool", lambda i: pool.apply(successor, (i,))))
    with concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=context) as executor:
        rows.append(
            measure(
                "T3_Python/peer/Python_ProcessPoolExecutor",
                COARSE,
                lambda: check_coarse(executor.map(grind, range(COARSE))),
            )
        )
        rows.append(
            measure(
                "T4/peer/Python_ProcessPoolExecutor",
                BLOCKS,
                lambda: check_blocks(executor.map(make_block, range(BLOCKS))),
            )
        )
        rows.append(
            trips("T5/peer/Python_ProcessPoolExecutor", lambda i: executor.submit(successor, i).result())
        )
        rows.append(beyond_in_order(executor))
    rows.append(deaths(context))
    rows.append(losses(context))
    json.dump({"context": {"python": platform.python_version()}, "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
