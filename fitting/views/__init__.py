"""Fits of people whom several calibrated cameras see."""
