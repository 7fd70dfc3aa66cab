"""One thread for linear algebra. The front doors call this before anything imports numpy.

Threaded BLAS doubles the processor time of this workload and gains no time: each worker is one of many.
"""

from __future__ import annotations

import os

LIMITED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def limit() -> None:
    """A value that somebody set stays."""
    for name in LIMITED:
        os.environ.setdefault(name, "1")
