"""From motion capture to SMPL poses: readers, retargeting, and the training set."""
