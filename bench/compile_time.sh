#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Row K1: what it costs to compile one file with the umbrella header and a pool.map of a struct, beside other headers.
# Prints JSON: processor seconds and MiB of the compiler, medians of five runs. Needs pkg-config, and no GNU time: python3 asks the kernel.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
exec python3 - "${CXX:-g++}" <<'PYTHON'
import json
import os
import statistics
import subprocess
import sys
import tempfile

COMPILER = sys.argv[1]
REPETITIONS = 5

STANDARD = """
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>
int main() {}
"""

UMBRELLA = """
#include <royong/royong.hpp>
namespace mp = royong;
struct Point { std::string name; std::vector<double> at; int weight = 0; };
Point twice(const Point& p) { return {p.name, p.at, 2 * p.weight}; }
int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::Pool pool(2);
  std::vector<Point> points(10);
  return static_cast<int>(pool.map(twice, points).size()) - 10;
}
"""

CASES = [
    ("K1/limit/standard_headers", STANDARD),
    ("K1/peer/boost_asio", "#include <boost/asio.hpp>\nint main() {}\n"),
    ("K1/peer/boost_pfr", "#include <boost/pfr.hpp>\nint main() {}\n"),
    ("K1/royong/umbrella_and_map", UMBRELLA),
]


def flags_of_the_target():
    """What the target royong::royong adds beside its headers: how spdlog was built. Without it spdlog is compiled anew in each file."""
    found = subprocess.run(["pkg-config", "--cflags", "spdlog"], capture_output=True, text=True, check=True)
    return found.stdout.split()


def compile_once(source, flags):
    """Returns processor seconds (which other programs disturb least) and MiB, or None if it does not compile."""
    command = [COMPILER, "-std=c++20", "-O2", *flags, "-Iinclude", "-c", source, "-o", os.devnull]
    compiler = subprocess.Popen(command, stderr=subprocess.PIPE)
    errors = compiler.stderr.read().decode()
    _, status, usage = os.wait4(compiler.pid, 0)
    compiler.returncode = os.waitstatus_to_exitcode(status)
    if compiler.returncode != 0:
        print("\n".join(errors.splitlines()[:3]), file=sys.stderr)
        return None
    # The largest of the compiler driver and its children.
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    rows = []
    flags = flags_of_the_target()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in CASES:
            source = os.path.join(folder, "file.cpp")
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            runs = [compile_once(source, flags) for _ in range(REPETITIONS)]
            if None in runs:
                print(f"{name}: does not compile, left out", file=sys.stderr)
                continue
            seconds, memory = zip(*runs)
            median = statistics.median(seconds)
            rows.append(
                {
                    "name": name,
                    "median_ns": median * 1e9,
                    "mad_ns": statistics.median(abs(s - median) for s in seconds) * 1e9,
                    "peak_mib": statistics.median(memory),
                }
            )
    version = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True)
    json.dump({"context": {"compiler": version.stdout.splitlines()[0]}, "rows": rows}, sys.stdout, indent=1)
    print()


main()
PYTHON
