"""Baseline priors of other papers, trained on the same poses; ``interface`` defines their protocol."""
