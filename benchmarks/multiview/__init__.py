"""Evaluation of fits to one or several views: ``python -m benchmarks.multiview --out docs/benchmarks``."""
