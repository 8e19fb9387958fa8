"""The HTTP face: application factory, routes, schemas, table of errors. Only these files know FastAPI."""
