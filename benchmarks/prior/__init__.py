"""Pose priors compared by six protocols: ``python -m benchmarks.prior --data poses.npz --out docs/benchmarks``."""
