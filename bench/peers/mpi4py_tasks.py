#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpi4py.futures in the rows T1 and T2, or over four ranks in G1; prints JSON as python_pool.py does.

Run by `mpirun -n 3 ... python3 -m mpi4py.futures mpi4py_tasks.py`: one rank for this, two for its workers. So its authors recommend
where processes cannot be spawned later on; it is also the faster way.
"""

from python_pool import TASKS, measure, square, successor


def main():
    import json
    import sys

    import mpi4py
    from mpi4py import MPI
    from mpi4py.futures import MPIPoolExecutor

    values = [i % 10_000 for i in range(1_000_000)]
    rows = []
    with MPIPoolExecutor() as executor:

        def tasks():
            futures = [executor.submit(successor, i) for i in range(TASKS)]
            assert sum(f.result() for f in futures) == TASKS * (TASKS + 1) // 2

        def squares():
            results = list(executor.map(square, values, chunksize=10_000))
            assert all(result == value * value for result, value in zip(results[::1000], values[::1000]))

        over_four = MPI.COMM_WORLD.Get_size() == 4
        rows.append(measure("G1/peer/mpi4py_futures" if over_four else "T1/peer/mpi4py_futures", TASKS, tasks))
        if not over_four:
            rows.append(measure("T2/peer/mpi4py_futures", len(values), squares))
    json.dump({"context": {"mpi4py": mpi4py.__version__}, "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
