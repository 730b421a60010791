"""Fits of children who are not in the shape space of the body of all ages: ``python -m benchmarks.children``."""
