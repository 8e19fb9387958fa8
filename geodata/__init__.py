"""Files, coordinates, geometry and streets: from what planners hold to checked tables and a travel matrix.

No optimisation belongs here, and nothing of `optimizer` or `service` is imported.
"""
