#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing.Lock and Event in the rows that royong is measured in; prints JSON.

Medians and median absolute deviations of five repetitions. Times are in nanoseconds, rates in items a second.
"""

import json
import multiprocessing
import os
import platform
import statistics
import sys
import time

REPETITIONS = 5
WINDOW = 0.2


def spread(figures):
    median = statistics.median(figures)
    return median, statistics.median(abs(figure - median) for figure in figures)


def row_of_times(name, times):
    median, deviation = spread(times)
    return {"name": name, "median_ns": median, "mad_ns": deviation, "items_per_second": 1e9 / median}


def alone(context, pairs=200_000):
    lock = context.Lock()
    counter = context.RawValue("Q", 0)
    times = []
    for repetition in range(REPETITIONS):
        start = time.perf_counter_ns()
        for _ in range(pairs):
            lock.acquire()
            counter.value += 1
            lock.release()
        times.append((time.perf_counter_ns() - start) / pairs)
        assert counter.value == (repetition + 1) * pairs
    return row_of_times("L1/peer/Python_Lock", times)


def contend(lock, counter, started, stop, turns, index):
    started.wait()
    mine = 0
    while not stop.value:
        lock.acquire()
        counter.value += 1
        lock.release()
        mine += 1
    turns[index] = mine


def contended(context, count):
    times, shares = [], []
    for _ in range(REPETITIONS):
        lock, started = context.Lock(), context.Event()
        counter, stop, turns = context.RawValue("Q", 0), context.RawValue("b", 0), context.RawArray("Q", count)
        processes = [
            context.Process(target=contend, args=(lock, counter, started, stop, turns, i)) for i in range(count)
        ]
        for process in processes:
            process.start()
        time.sleep(0.05)
        begin = time.perf_counter_ns()
        started.set()
        time.sleep(WINDOW)
        stop.value = 1
        taken = time.perf_counter_ns() - begin
        for process in processes:
            process.join()
        assert sum(turns) == counter.value
        times.append(taken / counter.value)
        shares.append(min(turns) * count / counter.value)
    row = row_of_times(f"L2_{count}/peer/Python_Lock", times)
    row["least_share"] = statistics.median(shares)
    return row


def answer(ping, pong):
    while True:
        ping.wait()
        ping.clear()
        pong.set()


def round_trips(context, name, count=5_000):
    ping, pong = context.Event(), context.Event()
    other = context.Process(target=answer, args=(ping, pong), daemon=True)
    other.start()
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter_ns()
        for _ in range(count):
            ping.set()
            pong.wait()
            pong.clear()
        times.append((time.perf_counter_ns() - start) / count)
    other.kill()
    other.join()
    return row_of_times(name, times)


def main():
    context = multiprocessing.get_context("fork")
    rows = [alone(context), contended(context, 2), contended(context, 4)]
    rows.append(round_trips(context, "L4_awake/peer/Python_Event"))
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    rows.append(round_trips(context, "L4_one_core/peer/Python_Event"))
    os.sched_setaffinity(0, allowed)
    json.dump({"context": {"python": platform.python_version()}, "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
