"""Settings shared by all tests."""

import os

# Two spinning threads on two cores slow each other; results must not depend on their number.
os.environ.setdefault("OMP_NUM_THREADS", "1")
