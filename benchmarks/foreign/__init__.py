"""Priors and fits on SMPL poses of others: ``python -m benchmarks.foreign --data poses.npz --out docs/benchmarks``."""
