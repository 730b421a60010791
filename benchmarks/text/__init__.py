"""Evaluation of poses generated from texts: ``python -m benchmarks.text``."""
