"""Priors of other papers, trained on the same poses, to compare with; ``interface`` says what they share."""
