"""The thin shell that joins `geodata` and `optimizer`: studies, runs, results, command line, API and map.

No geometry algorithm and no model belongs here.
"""
