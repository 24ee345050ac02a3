#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints one markdown table row for each goal: ours, the limit, the peers, the ratio, reached or not.

usage: report.py FOLDER

FOLDER holds the JSON files of the benchmarks (./run bench writes them to build/bench). What is no benchmark
program of ours (Python, the compiler) is measured first, unless its file is newer than theirs: ratios hold between
things measured in one run.

A benchmark is called ROW/KIND/NAME, KIND being limit, peer or royong. The figure is the median of the repetitions.
"""

import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
BUILT = HERE.parent / "build" / "release" / "bench"


def mpirun(ranks):
    """Wherever they like to run, as ours; also where one processor is all there is, and in containers."""
    return ["mpirun", "-n", str(ranks), "--bind-to", "none", "--oversubscribe", "--allow-run-as-root"]


OTHER_PROGRAMS = {
    "python.json": [sys.executable, HERE / "peers" / "python_pool.py"],
    "python_tasks.json": [sys.executable, HERE / "peers" / "python_tasks.py"],
    "python_sync.json": [sys.executable, HERE / "peers" / "python_sync.py"],
    "python_queue.json": [sys.executable, HERE / "peers" / "python_queue.py"],
    "python_pipe.json": [sys.executable, HERE / "peers" / "python_pipe.py"],
    "python_manager.json": [sys.executable, HERE / "peers" / "python_manager.py"],
    # By the system's Python: its package is the one that is built for the installed Open MPI.
    "mpi4py.json": [*mpirun(3), "/usr/bin/python3", "-m", "mpi4py.futures", HERE / "peers" / "mpi4py_tasks.py"],
    # Four ranks, of which one is the program, as in G1 of ours.
    "mpi4py_four.json": [*mpirun(4), "/usr/bin/python3", "-m", "mpi4py.futures", HERE / "peers" / "mpi4py_tasks.py"],
    "open_mpi.json": [*mpirun(2), BUILT / "open_mpi"],
    "scale_sim.jsonl": [BUILT / "scale_sim", HERE / "scale_sim" / "lengths.txt", HERE / "scale_sim" / "network.txt"],
    "compile_time.json": [HERE / "compile_time.sh"],
}


class Row:
    """What was measured in one row: medians, with their deviations."""

    def __init__(self):
        self.figures = {"limit": {}, "peer": {}, "royong": {}}
        self.memory = None
        self.least_share = None
        self.lost = {}
        self.latencies = []  # kind, name, p50, p99 and p99.9 in nanoseconds

    def best(self, kind, is_rate):
        figures = [figure for figure, _ in self.figures[kind].values()]
        if not figures:
            return None
        return min(figures) if is_rate is False else max(figures)

    def of(self, kind, name):
        figure = self.figures[kind].get(name)
        return figure and figure[0]


# A goal judges what it is given: (ours, limit, row) -> bool, or None when something was not measured.
def within(factor):
    """At most so many times the limit's time."""
    return lambda ours, limit, row: limit and ours <= factor * limit


def rate_within(factor):
    """At least so many times the limit's rate."""
    return lambda ours, limit, row: limit and ours >= factor * limit


def at_least(rate):
    return lambda ours, limit, row: ours >= rate


def at_most(nanoseconds):
    return lambda ours, limit, row: ours <= nanoseconds


def peer_times(name, factor):
    """So many times as fast as a peer; both are times."""
    return lambda ours, limit, row: row.of("peer", name) and ours * factor <= row.of("peer", name)


def peer_rate_times(name, factor):
    return lambda ours, limit, row: row.of("peer", name) and ours >= factor * row.of("peer", name)


def share_at_least(share):
    """What the least served process gets of its fair share."""
    return lambda ours, limit, row: row.least_share is not None and row.least_share >= share


def lost_at_most(tasks):
    """How many tasks a kill takes, on the average."""
    return lambda ours, limit, row: "royong" in row.lost and row.lost["royong"] <= tasks


def memory_at_most(mib):
    return lambda ours, limit, row: row.memory is not None and row.memory <= mib


# Row: what, which of ours counts, whether the figure is a rate (None: a plain number), the goals with their texts.
GOALS = {
    "P1": (
        "start + join, forkserver",
        "forkserver",
        False,
        [("<= 1.15x limit", within(1.15)), ("50x Python", peer_times("Python_forkserver", 50))],
    ),
    "P2": ("same, 1 GiB touched", "forkserver", False, [("<= 1.15x limit", within(1.15))]),
    "P3": ("same, warm spare", "warm", False, [("<= 2x limit", within(2))]),
    "P4": ("start + join, spawn", "spawn", False, [("<= 1.2x posix_spawn", within(1.2))]),
    "B1": ("encode + decode a struct", None, False, [("<= 1.3x flat buffer", within(1.3))]),
    "K1": (
        "compile the umbrella and a map",
        "umbrella_and_map",
        False,
        [("<= 2.5 s", at_most(2.5e9)), ("<= 400 MiB", memory_at_most(400))],
    ),
    "L1": (
        "Lock, uncontended pair with increment",
        "Lock",
        False,
        [("<= 1.1x limit", within(1.1)), ("past pthread", peer_times("pthread_plain", 1))],
    ),
    "L2_2": (
        "Lock, 2 processes, increments",
        "Lock",
        True,
        [(">= 30 M/s", at_least(30e6)), ("least served >= 0.6 of its share", share_at_least(0.6))],
    ),
    "L2_4": (
        "same, 4 processes",
        "Lock",
        True,
        [(">= 30 M/s", at_least(30e6)), ("least served >= 0.6 of its share", share_at_least(0.6))],
    ),
    "L3": ("Value += 1, alone", "Value", False, [("<= 1.2x limit", within(1.2))]),
    "L3_2": ("same, 2 processes", "Value", True, [(">= 1/1.2 of the limit", rate_within(1 / 1.2))]),
    "L4_awake": ("two processes in turn, two cores, round trip", "Event", False, [("<= 2 us", at_most(2000))]),
    "L4_one_core": ("same, on one core", "Event", False, [("<= 1.1x futex", within(1.1))]),
    "L4_asleep": ("waking a sleeper on another core", "Event", False, [("<= 1.1x futex", within(1.1))]),
    "L4_condition_awake": (
        "flag under a Condition, two cores, round trip",
        "Condition",
        False,
        [("<= 2 us", at_most(2000))],
    ),
    "L4_condition_one_core": ("same, on one core", "Condition", False, [("<= 1.1x futex", within(1.1))]),
    "L4_condition_asleep": ("waking a sleeper on another core", "Condition", False, [("<= 1.1x futex", within(1.1))]),
    "L4_barrier_awake": ("two processes pass a Barrier, two cores", "Barrier", False, [("<= 2 us", at_most(2000))]),
    "L4_barrier_one_core": ("same, on one core", "Barrier", False, [("<= 1.1x futex", within(1.1))]),
    "S1": ("a worker sums an array of 1 GiB, first time", "first_time", False, [("<= 1.05x locally", within(1.05))]),
    "S1_again": ("same, seen before", "RawArray", False, [("<= 1.05x locally", within(1.05))]),
    "S2": ("1 MiB from a range, made and destroyed, warm", "RawArray", False, [("<= 1.3x limit", within(1.3))]),
    "S2_zeros": ("same, zeros, then filled", "RawArray", False, [("<= 1.3x limit", within(1.3))]),
    "Q1": (
        "Queue, 8 B, 1 producer 1 consumer",
        "Queue",
        True,
        [
            (">= 10 M/s", at_least(10e6)),
            ("2x Boost", peer_rate_times("Boost_message_queue", 2)),
            ("50x Python", peer_rate_times("Python_Queue", 50)),
        ],
    ),
    "Q2": ("same, 2 producers 2 consumers", "Queue", True, [(">= 10 M/s", at_least(10e6))]),
    "Q3": ("same, 1 KiB, 1 and 1", "Queue", True, [(">= 5 M/s", at_least(5e6))]),
    "Q4": ("same, 1 MiB", "Queue", True, [(">= 0.9x limit", rate_within(0.9))]),
    "Q5": ("Queue, round trip while both are busy, p50", "Queue", False, [("<= 1 us", at_most(1000))]),
    "Q5_asleep": ("same, both asleep, p50", "Queue", False, [("<= 1.1x pipe", peer_times("pipe", 1 / 1.1))]),
    "Q5_1MiB": ("same, 1 MiB, busy", "Queue", False, [("<= 170 us", at_most(170e3))]),
    "Q6": ("Queue, batches of 64, 8 B", None, True, [(">= 50 M/s", at_least(50e6))]),
    "M1": (
        "a dict's set in a manager, round trip, p50",
        "Manager",
        False,
        [("<= 2 us", at_most(2000)), ("10x Python", peer_times("Python_SyncManager", 10))],
    ),
    "M2_one_by_one": ("manager, sets one by one", "Manager", True, [(">= 0.5 M/s", at_least(0.5e6))]),
    "M2_pipelined": ("same, 64 in flight", "Manager", True, [(">= 1 M/s", at_least(1e6))]),
    "T1": (
        "no-op tasks, a future each",
        "apply_async",
        True,
        [
            (">= 5 M/s", at_least(5e6)),
            ("past oneTBB", peer_rate_times("oneTBB_task_group", 1)),
            ("200x Python", peer_rate_times("Python_Pool", 200)),
        ],
    ),
    "T1_rings": ("same, results merely summed, no futures", None, True, []),
    "T2": ("map x*x, vector in and out", "map", True, [(">= 0.5 G/s", at_least(0.5e9))]),
    "T2_shared": ("parallel_for over arrays", "parallel_for", True, [(">= 1.3 G/s", at_least(1.3e9))]),
    "T3": ("64 coarse tasks", "apply_async", True, [(">= 0.97x oneTBB", peer_rate_times("oneTBB", 0.97))]),
    "T3_Python": ("64 coarse tasks of Python's own", None, True, []),
    "T4": ("results of 1 MiB, vectors", "vector", True, [(">= 7,000/s", at_least(7000))]),
    "T4_shared": ("same, handles", "handle", True, [(">= 15,000/s", at_least(15000))]),
    "T5": ("submit and wait, busy, p50", "apply", False, [("<= 2 us", at_most(2000))]),
    "T5_asleep": ("same, worker asleep, p50", "apply", False, [("<= 1.1x futex", within(1.1))]),
    "T6": ("as_completed of 100,000, beyond T1", "as_completed", False, [("<= 300 ns", at_most(300))]),
    "G1": (
        "no-op tasks over 4 ranks, a future each",
        "submit",
        True,
        [(">= 0.5 M/s", at_least(0.5e6)), ("100x mpi4py.futures", peer_rate_times("mpi4py_futures", 100))],
    ),
    "G2": ("one task over MPI, 2 ranks, p50", "submit", False, [("<= 2x limit", within(2))]),
    "G3": ("efficiency with 10 ms tasks, 10,000 simulated nodes", "tree", None, [(">= 0.95", at_least(0.95))]),
    "D1": ("SIGKILL to the next worker's result, p50", "pool", False, [("<= 500 us", at_most(500e3))]),
    "D2": ("tasks lost to a kill, of 100", "pool", False, [("1", lost_at_most(1))]),
    "D2_retried": ("same, with retries", "pool", False, [("0", lost_at_most(0))]),
}


def nanoseconds(time, unit):
    return time * {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[unit]


def rows_of(path):
    """Yields name, median time in ns, rate or None, deviation of the time, and what else was counted."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for row in data.get("rows", []):
        yield row["name"], row["median_ns"], row.get("items_per_second"), row["mad_ns"], row
    medians, deviations = {}, {}
    for entry in data.get("benchmarks", []):
        which = {"median": medians, "mad": deviations}.get(entry.get("aggregate_name"))
        if which is not None and not entry.get("error_occurred"):
            which[entry["run_name"]] = entry
    for name, entry in medians.items():
        time = nanoseconds(entry["real_time"], entry["time_unit"])
        deviation = deviations.get(name)
        spread = nanoseconds(deviation["real_time"], deviation["time_unit"]) if deviation else 0
        yield name, time, entry.get("items_per_second"), spread, entry


def collect(folder):
    rows = {}
    for path in sorted(folder.glob("*.json")):
        for name, time, rate, deviation, counted in rows_of(path):
            parts = name.split("/")
            if len(parts) < 3 or parts[1] not in ("limit", "peer", "royong"):
                continue
            row = rows.setdefault(parts[0], Row())
            is_rate = parts[0] == "Qsize" or parts[0] in GOALS and GOALS[parts[0]][2]
            by_p50 = parts[0] in GOALS and GOALS[parts[0]][0].endswith("p50")
            if by_p50 and "p50_us" in counted:
                time = counted["p50_us"] * 1000
            figure = rate if is_rate and rate else time
            row.figures[parts[1]][parts[2]] = (figure, deviation / time if time else 0)
            if parts[1] == "royong":
                row.memory = counted.get("peak_mib", row.memory)
                row.least_share = counted.get("least_share", row.least_share)
            if "lost" in counted:
                row.lost[parts[1]] = counted["lost"]
            if "p50_us" in counted:
                quantiles = [counted[key] * 1000 for key in ("p50_us", "p99_us", "p99.9_us")]
                row.latencies.append((parts[1], parts[2], *quantiles))
    return rows


def collect_simulated(path, rows):
    """The largest cluster of each form that scale_sim has simulated."""
    for line in path.read_text(encoding="utf-8").splitlines():
        result = json.loads(line)
        row = rows.setdefault("G3", Row())
        row.figures["royong"][result["form"]] = (result["efficiency"], 0)


def text_of(figure, is_rate):
    if figure is None:
        return "-"
    if is_rate is None:
        return f"{figure:.3g}"
    if is_rate:
        units = ((1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s"), (1, "/s"))
    else:
        units = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns"))
    size, unit = next(((s, u) for s, u in units if figure >= s), units[-1])
    return f"{figure / size:.3g} {unit}"


def peers_text(row, is_rate):
    peers = sorted(row.figures["peer"].items(), key=lambda peer: peer[1][0], reverse=bool(is_rate))
    text = ", ".join(f"{name.replace('_', ' ')} {text_of(figure, is_rate)}" for name, (figure, _) in peers) or "-"
    return text + (f", {row.lost['peer']:g} lost" if "peer" in row.lost else "")


def table_row(key, row):
    what, counted, is_rate, goals = GOALS.get(key, (key, None, False, []))
    ours = row.of("royong", counted) if counted else row.best("royong", is_rate)
    limit = row.best("limit", is_rate)
    spread = next((d for f, d in row.figures["royong"].values() if f == ours), 0)
    ours_text = "-" if ours is None else f"{text_of(ours, is_rate)} ±{100 * spread:.0f} %"
    if row.memory is not None and ours is not None:
        ours_text += f", {row.memory:.0f} MiB"
    if row.least_share is not None and ours is not None:
        ours_text += f", least share {row.least_share:.2f}"
    if "royong" in row.lost and ours is not None:
        ours_text += f", {row.lost['royong']:g} lost"
    ratio = f"{ours / limit:.2f}" if ours and limit else "-"
    verdicts = []
    for text, judge in goals:
        verdict = None if ours is None else judge(ours, limit, row)
        verdicts.append(text + ": " + ("not measured" if verdict is None else "yes" if verdict else "**no**"))
    cells = [key, what, ours_text, text_of(limit, is_rate), ratio, "; ".join(verdicts) or "-", peers_text(row, is_rate)]
    return "| " + " | ".join(cells) + " |"


def print_latencies(rows):
    order = ["limit", "royong", "peer"]
    print("\n| row | what | p50 | p99 | p99.9 |\n|---|---|---|---|---|")
    for key in in_order(rows):
        for kind, name, *quantiles in sorted(rows[key].latencies, key=lambda entry: (order.index(entry[0]), entry[2])):
            times = " | ".join(text_of(time, False) for time in quantiles)
            print(f"| {key} | {name.replace('_', ' ')}{' (limit)' if kind == 'limit' else ''} | {times} |")


def in_order(rows):
    return sorted(rows, key=lambda key: (list(GOALS).index(key) if key in GOALS else len(GOALS), key))


def measure_others(folder):
    programs = [path for path in folder.glob("*.json") if path.name not in OTHER_PROGRAMS]
    run_began = min((path.stat().st_mtime for path in programs), default=0)
    for name, command in OTHER_PROGRAMS.items():
        path = folder / name
        if path.exists() and path.stat().st_mtime >= run_began:
            continue
        print(f"measuring {name} ...", file=sys.stderr)
        if not (shutil.which(command[0]) and pathlib.Path(command[-1]).exists()):
            print(f"{name}: not measured, for it is not installed", file=sys.stderr)
            continue
        finished = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if finished.returncode == 0:
            path.write_bytes(finished.stdout)
        else:
            print(f"{name}: could not be measured", file=sys.stderr)


def print_contexts(folder):
    seen = {}
    for path in sorted(folder.glob("*.json")):
        seen.update(json.loads(path.read_text(encoding="utf-8")).get("context", {}))
    keys = ("processor", "num_cpus", "kernel", "compiler", "python", "mpi", "commit", "governor", "load", "pinned", "date")
    print("\n" + "; ".join(f"{key}: {seen[key]}" for key in keys if key in seen))


def write_sizes(folder, row):
    """Rates against the size of messages ("Queue_64"), as a table and, where matplotlib is there, as a drawing."""
    curves = {}
    for kind, figures in row.figures.items():
        for name, (rate, _) in figures.items():
            what, _, size = name.rpartition("_")
            curves.setdefault((kind, what), []).append((int(size), rate))
    lines = ["what,bytes,messages_per_second"]
    for (_, what), points in sorted(curves.items()):
        lines += [f"{what},{size},{rate:.0f}" for size, rate in sorted(points)]
    (folder / "queue_sizes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        import matplotlib
    except ImportError:
        print("queue_sizes.csv is not drawn: there is no matplotlib", file=sys.stderr)
        return
    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    styles = {"limit": "--", "peer": ":", "royong": "-"}
    for (kind, what), points in sorted(curves.items()):
        axes.loglog(*zip(*sorted(points)), styles[kind], marker="o", label=what.replace("_", " "))
    axes.set(xlabel="bytes a message", ylabel="messages a second", title="One producer, one consumer")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    figure.savefig(folder / "queue_sizes.svg")


def main():
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir():
        sys.exit("usage: report.py FOLDER")
    folder = pathlib.Path(sys.argv[1])
    measure_others(folder)
    rows = collect(folder)
    simulated = folder / "scale_sim.jsonl"
    if simulated.exists():
        collect_simulated(simulated, rows)
    if not rows:
        sys.exit(f"report.py: no results in {folder}")
    sizes = rows.pop("Qsize", None)
    if sizes:
        write_sizes(folder, sizes)
    print("| row | what | royong | limit | ratio | goal | peers |")
    print("|---|---|---|---|---|---|---|")
    for key in in_order(rows):
        print(table_row(key, rows[key]))
    if any(row.latencies for row in rows.values()):
        print_latencies(rows)
    print_contexts(folder)


if __name__ == "__main__":
    main()
