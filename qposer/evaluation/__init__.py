"""Metrics of poses, and how exactly poses come back from their codes."""
