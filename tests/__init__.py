"""All tests. Numpy's linear algebra gets one thread, before anything imports it.

Many small matrices are what we have: threads cost twice the time, and the tests run
beside each other anyway.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
