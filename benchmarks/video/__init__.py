"""Fits of videos against exact truth and against calibrated cameras."""
