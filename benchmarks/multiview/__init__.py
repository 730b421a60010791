"""Fits of single views against triangulated truth: ``python -m benchmarks.multiview --out docs/benchmarks``."""
