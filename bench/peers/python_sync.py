#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's primitives, Value and shared_memory in the rows that royong is measured in; prints JSON.

Medians and median absolute deviations of five repetitions. Times are in nanoseconds, rates in items a second.
"""

import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from multiprocessing import shared_memory

try:
    import numpy
except ImportError:
    numpy = None

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


def value_alone(context, additions=200_000):
    value = context.Value("Q", 0)
    times = []
    for repetition in range(REPETITIONS):
        start = time.perf_counter_ns()
        for _ in range(additions):
            with value.get_lock():
                value.value += 1
        times.append((time.perf_counter_ns() - start) / additions)
        assert value.value == (repetition + 1) * additions
    return row_of_times("L3/peer/Python_Value", times)


def add(value, started, count):
    started.wait()
    for _ in range(count):
        with value.get_lock():
            value.value += 1


def value_contended(context, count=100_000):
    times = []
    for _ in range(REPETITIONS):
        value, started = context.Value("Q", 0), context.Barrier(3)
        processes = [context.Process(target=add, args=(value, started, count)) for _ in range(2)]
        for process in processes:
            process.start()
        started.wait()
        begin = time.perf_counter_ns()
        for process in processes:
            process.join()
        times.append((time.perf_counter_ns() - begin) / (2 * count))
        assert value.value == 2 * count
    return row_of_times("L3_2/peer/Python_Value", times)


class ConditionSignal:
    """A flag under a condition's lock, with the names of an event."""

    def __init__(self, context):
        self.condition, self.flag = context.Condition(), context.RawValue("b", 0)

    def set(self):
        with self.condition:
            self.flag.value = 1
            self.condition.notify()

    def wait(self):
        with self.condition:
            while not self.flag.value:
                self.condition.wait()

    def clear(self):
        self.flag.value = 0


class Conditions:
    """Stands for the context where round_trips makes its events."""

    def __init__(self, context):
        self.context, self.Process = context, context.Process

    def Event(self):
        return ConditionSignal(self.context)


def pass_without_end(barrier):
    while True:
        barrier.wait()


def passes(context, name, count=2_000):
    barrier = context.Barrier(2)
    other = context.Process(target=pass_without_end, args=(barrier,), daemon=True)
    other.start()
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter_ns()
        for _ in range(count):
            barrier.wait()
        times.append((time.perf_counter_ns() - start) / count)
    other.kill()
    other.join()
    return row_of_times(name, times)


LARGE = (1 << 30) // 8


def sum_of(name):
    memory = shared_memory.SharedMemory(name)
    numbers = numpy.ndarray((LARGE,), dtype=numpy.uint64, buffer=memory.buf)
    total = int(numbers.sum())
    del numbers
    memory.close()
    return total


def sum_large(context):
    memory = shared_memory.SharedMemory(create=True, size=LARGE * 8)
    try:
        numbers = numpy.ndarray((LARGE,), dtype=numpy.uint64, buffer=memory.buf)
        numbers[:] = numpy.arange(LARGE, dtype=numpy.uint64)
        del numbers
        times = []
        with context.Pool(1) as pool:
            for _ in range(REPETITIONS):
                start = time.perf_counter_ns()
                total = pool.apply(sum_of, (memory.name,))
                times.append(time.perf_counter_ns() - start)
                assert total == LARGE * (LARGE - 1) // 2
        return row_of_times("S1/peer/Python_shared_memory", times)
    finally:
        memory.close()
        memory.unlink()


def make_and_destroy(count=200, size=1 << 20):
    content = bytes(range(256)) * (size // 256)
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter_ns()
        for _ in range(count):
            memory = shared_memory.SharedMemory(create=True, size=size)
            memory.buf[:size] = content
            assert memory.buf[size - 1] == 255
            memory.close()
            memory.unlink()
        times.append((time.perf_counter_ns() - start) / count)
    return row_of_times("S2/peer/Python_shared_memory", times)


def main():
    context = multiprocessing.get_context("fork")
    rows = [alone(context), contended(context, 2), contended(context, 4)]
    rows += [value_alone(context), value_contended(context), make_and_destroy()]
    if numpy is not None:
        rows.append(sum_large(context))
    else:
        print("row S1 without Python: there is no numpy", file=sys.stderr)
    rows.append(round_trips(context, "L4_awake/peer/Python_Event"))
    rows.append(round_trips(Conditions(context), "L4_condition_awake/peer/Python_Condition"))
    rows.append(passes(context, "L4_barrier_awake/peer/Python_Barrier"))
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    rows.append(round_trips(context, "L4_one_core/peer/Python_Event"))
    rows.append(round_trips(Conditions(context), "L4_condition_one_core/peer/Python_Condition"))
    rows.append(passes(context, "L4_barrier_one_core/peer/Python_Barrier"))
    os.sched_setaffinity(0, allowed)
    json.dump({"context": {"python": platform.python_version()}, "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
