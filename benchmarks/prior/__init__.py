"""Pose priors measured side by side, by six protocols: ``python -m benchmarks.prior --data poses.npz --out docs``."""
