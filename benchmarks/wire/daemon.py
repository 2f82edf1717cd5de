"""``recorder`` whose workers are free ones, and whose threads bear their names.

python -m benchmarks.wire.daemon run -c recorder.toml
"""

from __future__ import annotations

from benchmarks import named_threads
from recorder.pool import processes

if __name__ == "__main__":
    processes.WORKER = "benchmarks.wire.free_worker"
    named_threads.run()
