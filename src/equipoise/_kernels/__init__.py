"""Compiled loops (numba, cached), each with a NumPy twin that gives the same result.

A caller uses the functions of this package; each picks the compiled loop where the work is worth
its start-up (numba loads in about half a second) and the NumPy twin for small arrays.
"""

# Below this many cells a NumPy twin finishes before numba has loaded.
SMALL = 200_000
