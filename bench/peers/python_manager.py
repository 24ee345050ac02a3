#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's multiprocessing.Manager in the rows M1 and M2; prints JSON as python_pool.py does."""

import json
import multiprocessing
import platform
import statistics
import time

REPETITIONS = 5
CALLS = 5000
KEYS = 1000


def main():
    medians, rates = [], []
    with multiprocessing.Manager() as manager:
        table = manager.dict()
        for repetition in range(REPETITIONS + 1):
            times = []
            begin = time.perf_counter_ns()
            for i in range(CALLS):
                start = time.perf_counter_ns()
                table[i % KEYS] = i
                times.append(time.perf_counter_ns() - start)
            total = (time.perf_counter_ns() - begin) / CALLS
            assert table[(CALLS - 1) % KEYS] == CALLS - 1
            if repetition > 0:
                medians.append(statistics.median(times))
                rates.append(total)
    rows = []
    for name, values in (("M1/peer/Python_SyncManager", medians), ("M2_one_by_one/peer/Python_SyncManager", rates)):
        median = statistics.median(values)
        deviation = statistics.median(abs(value - median) for value in values)
        rows.append({"name": name, "median_ns": median, "mad_ns": deviation, "items_per_second": 1e9 / median})
    print(json.dumps({"context": {"python": platform.python_version()}, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
