"""A whole economy under faults, in one process: one seed decides everything that happens in it.

`python -m tests.simulation --seeds 1000` runs many; a failure prints its seed, and `--first SEED --seeds 1` repeats it.
"""
