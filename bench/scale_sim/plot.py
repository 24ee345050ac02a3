#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what scale_sim printed: efficiency and rank 0's load against the number of nodes.

usage: plot.py RESULTS.jsonl PICTURE
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def main():
    results, picture = sys.argv[1:]
    with open(results) as file:
        rows = [json.loads(line) for line in file]
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    for form, marker in (("flat", "o"), ("tree", "s")):
        mine = [row for row in rows if row["form"] == form]
        nodes = [row["nodes"] for row in mine]
        axes[0].plot(nodes, [row["efficiency"] for row in mine], marker=marker, label=form)
        axes[1].plot(nodes, [row["rank_0_load"] for row in mine], marker=marker, label=form)
    axes[0].axhline(0.95, linestyle=":", color="grey")
    axes[0].set_ylabel("efficiency")
    axes[1].set_ylabel("load of rank 0")
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xlabel("nodes")
        axis.set_ylim(0, 1.05)
        axis.legend()
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(picture)


if __name__ == "__main__":
    main()
