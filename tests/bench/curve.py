"""Is the operator's cost per ModelDeployment the same at 100, 300, 1,000 and 3,000 of them?

One cluster and one process a size; the sizes' CPU per object stand side by side, and the largest over the smallest is
the figure: 1 is linear.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.bench.scale import FULL, PODS_PER_NODE, bench, kwok_cluster

SIZES = (100, 300, 1000, 3000) if FULL else (30, 60)
#: Noise of a shared machine included; a quadratic part would show as 30 from 100 to 3,000.
MOST = 1.6


def main() -> int:
    cost: dict[str, float] = {}
    applied: dict[str, float] = {}
    with kwok_cluster(max(SIZES) + PODS_PER_NODE) as kubeconfig:
        for size in SIZES:
            figures = asyncio.run(bench(kubeconfig, size, quiet=0, changes=0))
            cost[str(size)] = figures["operatorCpuMillisecondsPerObject"]
            applied[str(size)] = figures["appliedSeconds"]
    ratio = round(max(cost.values()) / min(cost.values()), 2)
    print(json.dumps({"operator CPU per object (ms)": cost, "applied (s)": applied, "largest over smallest": ratio}))
    return 1 if FULL and ratio > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
