"""Motion capture in, SMPL poses out: readers, retargeting, and the training set."""
