"""Detection and fits of people rendered in known poses: ``python -m benchmarks.rendered``."""
