"""`python -m benchmarks` runs every benchmark, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "__main__", "harness")
)

if __name__ == "__main__":
    codes = [subprocess.call([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]]) for name in BENCHMARKS]
    sys.exit(max(codes, default=0))
