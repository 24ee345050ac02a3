#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing.Queue and SimpleQueue in the rows Q1 to Q5; prints JSON as python_pool.py does."""

import json
import multiprocessing
import platform
import statistics
import sys
import time

REPETITIONS = 5


def row_of(name, times):
    median = statistics.median(times)
    deviation = statistics.median(abs(t - median) for t in times)
    return {"name": name, "median_ns": median, "mad_ns": deviation, "items_per_second": 1e9 / median}


def produce(queue, message, count, begin):
    while True:
        begin.acquire()
        for _ in range(count):
            queue.put(message)


def consume(queue, size, count, begin, ended):
    while True:
        begin.acquire()
        take(queue, size, count)
        ended.release()


def take(queue, size, count):
    for _ in range(count):
        message = queue.get()
        assert isinstance(message, int) if size == 8 else len(message) == size


def rate(context, name, make, size, count, parties=1):
    """This process is the first consumer."""
    queue = make()
    message = 1 << 62 if size == 8 else bytes(size)
    begin, ended = context.Semaphore(0), context.Semaphore(0)
    share = count // parties
    others = [context.Process(target=produce, args=(queue, message, share, begin), daemon=True) for _ in range(parties)]
    others += [
        context.Process(target=consume, args=(queue, size, share, begin, ended), daemon=True)
        for _ in range(parties - 1)
    ]
    for other in others:
        other.start()
    times = []
    for repetition in range(REPETITIONS + 1):
        start = time.perf_counter_ns()
        for _ in others:
            begin.release()
        take(queue, size, share)
        for _ in range(parties - 1):
            ended.acquire()
        if repetition > 0:
            times.append((time.perf_counter_ns() - start) / count)
    for other in others:
        other.kill()
        other.join()
    return row_of(name, times)


def echo(there, back):
    while True:
        back.put(there.get())


def round_trip(context, name, make, size, count):
    there, back = make(), make()
    other = context.Process(target=echo, args=(there, back), daemon=True)
    other.start()
    message = 1 << 62 if size == 8 else bytes(size)
    times = []
    for repetition in range(REPETITIONS + 1):
        start = time.perf_counter_ns()
        for _ in range(count):
            there.put(message)
            assert back.get() == message
        if repetition > 0:
            times.append((time.perf_counter_ns() - start) / count)
    other.kill()
    other.join()
    return row_of(name, times)


def main():
    context = multiprocessing.get_context("fork")
    rows = []
    for name, make in (("Python_Queue", context.Queue), ("Python_SimpleQueue", context.SimpleQueue)):
        rows.append(rate(context, f"Q1/peer/{name}", make, 8, 50_000))
        rows.append(rate(context, f"Q2/peer/{name}", make, 8, 50_000, parties=2))
        rows.append(rate(context, f"Q3/peer/{name}", make, 1024, 50_000))
        rows.append(rate(context, f"Q4/peer/{name}", make, 1 << 20, 200))
        rows.append(round_trip(context, f"Q5/peer/{name}", make, 8, 2_000))
        rows.append(round_trip(context, f"Q5_1MiB/peer/{name}", make, 1 << 20, 100))
    json.dump({"context": {"python": platform.python_version()}, "rows": rows}, sys.stdout, indent=1)
    print()
    sys.stdout.flush()


if __name__ == "__main__":
    main()
