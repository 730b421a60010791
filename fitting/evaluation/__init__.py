"""Evaluation of the fitter on Human3.6M."""
