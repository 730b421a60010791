"""People rendered in known poses, found by the detector and fitted: ``python -m benchmarks.rendered``."""
