"""Metrics of poses, and reconstruction errors from codes."""
