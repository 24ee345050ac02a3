#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing.Pipe in the rows C1 and C2; prints JSON as python_pool.py does."""

import json
import multiprocessing
import platform
import statistics
import time

REPETITIONS = 5


def row_of(name, times):
    median = statistics.median(times)
    deviation = statistics.median(abs(t - median) for t in times)
    return {"name": name, "median_ns": median, "mad_ns": deviation, "items_per_second": 1e9 / median}


def produce(end, size, count):
    message = bytes(size)
    while True:
        end.recv_bytes()
        for _ in range(count):
            end.send_bytes(message)


def echo(end):
    while True:
        end.send_bytes(end.recv_bytes())


def started(context, function, *arguments):
    mine, other = context.Pipe()
    process = context.Process(target=function, args=(other, *arguments), daemon=True)
    process.start()
    return mine, process


def rate(context, name, size, count):
    end, process = started(context, produce, size, count)
    times = []
    for repetition in range(REPETITIONS + 1):
        start = time.perf_counter_ns()
        end.send_bytes(b"")
        for _ in range(count):
            assert len(end.recv_bytes()) == size
        if repetition > 0:
            times.append((time.perf_counter_ns() - start) / count)
    process.kill()
    process.join()
    return row_of(name, times)


def round_trip(context, name, size, count):
    end, process = started(context, echo)
    message = bytes(size)
    times = []
    for repetition in range(REPETITIONS + 1):
        start = time.perf_counter_ns()
        for _ in range(count):
            end.send_bytes(message)
            assert len(end.recv_bytes()) == size
        if repetition > 0:
            times.append((time.perf_counter_ns() - start) / count)
    process.kill()
    process.join()
    return row_of(name, times)


def main():
    context = multiprocessing.get_context("fork")
    rows = [
        rate(context, "C1_8B/peer/Python_Pipe", 8, 20_000),
        rate(context, "C1_1MiB/peer/Python_Pipe", 1 << 20, 50),
        round_trip(context, "C2_busy/peer/Python_Pipe", 8, 5_000),
        round_trip(context, "C2_1MiB/peer/Python_Pipe", 1 << 20, 50),
    ]
    print(json.dumps({"context": {"python": platform.python_version()}, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
