"""The thin shell that joins `geodata` and `optimizer`: studies, runs, results, command line, API and map.

No geometry algorithm and no model belongs here.
"""

import os

# The matrices of this program are small: threads of BLAS only take the other core from the processes that work there.
# It must be said before numpy is loaded; what the user has set stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
