"""Classic siting problems of the literature as library calls on arrays: one problem per file, one result for all.

Every call returns a ClassicResult with incumbent, bound, gap and status, also when its time runs out. No geometry, no
file and no unit belongs here: distances and weights are in whatever the caller measures them in.
"""
