"""Fits of one and of several views against truth: ``python -m benchmarks.multiview --out docs/benchmarks``."""
