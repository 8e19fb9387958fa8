"""Numbers only: networks, problems, plans, solvers, bounds and the referee that checks them.

No geometry, file format or HTTP belongs here, and nothing of `geodata` or `service` is imported.
"""
