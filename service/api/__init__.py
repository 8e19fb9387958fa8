"""The HTTP face: application factory, routes, schemas and the table of errors. Only these files know FastAPI."""
