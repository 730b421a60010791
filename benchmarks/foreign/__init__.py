"""Priors and fits on foreign SMPL poses: ``python -m benchmarks.foreign --data poses.npz --out docs/benchmarks``."""
