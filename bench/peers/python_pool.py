#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing and concurrent.futures in the rows that royong is measured in; prints JSON.

Medians and median absolute deviations of five repetitions. Times are in nanoseconds, rates in items a second.

Children started by spawn and forkserver import this file anew, so it imports and makes at its top only what they need.
"""

import multiprocessing
import time

REPETITIONS = 5
WORKERS = 2
TASKS = 20_000


def nothing():
    pass


def successor(i):
    return i + 1


def square(x):
    return x * x


def measure(name, items, run):
    """Runs it once to warm up, then some more times."""
    import statistics

    run()
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) / items)
    median = statistics.median(times)
    deviation = statistics.median(abs(t - median) for t in times)
    return {"name": name, "median_ns": median, "mad_ns": deviation, "items_per_second": 1e9 / median}


def start_and_join(method, count):
    context = multiprocessing.get_context(method)

    def run():
        for _ in range(count):
            process = context.Process(target=nothing)
            process.start()
            process.join()
            assert process.exitcode == 0

    return run


def sum_of_pool_tasks(pool):
    results = [pool.apply_async(successor, (i,)) for i in range(TASKS)]
    assert sum(r.get() for r in results) == TASKS * (TASKS + 1) // 2


def sum_of_executor_tasks(executor):
    futures = [executor.submit(successor, i) for i in range(TASKS)]
    assert sum(f.result() for f in futures) == TASKS * (TASKS + 1) // 2


def check_squares(values, results):
    assert len(results) == len(values)
    assert all(result == value * value for result, value in zip(results[::1000], values[::1000]))


def main():
    import concurrent.futures
    import json
    import platform
    import sys

    values = [i % 10_000 for i in range(1_000_000)]
    rows = []
    for row, method, count in (
        ("P1", "forkserver", 20),
        ("P1", "fork", 50),
        ("P4", "spawn", 10),
    ):
        rows.append(measure(f"{row}/peer/Python_{method}", count, start_and_join(method, count)))

    ballast = bytearray(b"x") * (1 << 30)
    rows.append(measure("P2/peer/Python_fork", 10, start_and_join("fork", 10)))
    del ballast

    context = multiprocessing.get_context("fork")  # Its fastest.
    with context.Pool(WORKERS) as pool:
        rows.append(measure("T1/peer/Python_Pool", TASKS, lambda: sum_of_pool_tasks(pool)))
        rows.append(measure("T2/peer/Python_Pool", len(values), lambda: check_squares(values, pool.map(square, values))))
    with concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=context) as executor:
        rows.append(measure("T1/peer/Python_ProcessPoolExecutor", TASKS, lambda: sum_of_executor_tasks(executor)))
        rows.append(
            measure(
                "T2/peer/Python_ProcessPoolExecutor",
                len(values),
                lambda: check_squares(values, list(executor.map(square, values, chunksize=10_000))),
            )
        )
    json.dump({"context": {"python": platform.python_version()}, "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
