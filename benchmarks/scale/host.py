"""``recorder`` whose workers sleep, and whose threads bear their names.

python -m benchmarks.scale.host run -c recorder.toml
"""

from __future__ import annotations

from benchmarks import named_threads
from recorder.pool import processes

if __name__ == "__main__":
    processes.WORKER = "benchmarks.scale.worker"
    named_threads.run()
