"""Solvers behind small protocols. Only the files in here import an optimisation engine."""
