"""Evaluation of typed instructions on different start poses, and of descriptions followed as instructions."""
