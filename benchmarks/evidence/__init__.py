"""Evaluation of fits with hypotheses, and of their stated uncertainty."""
