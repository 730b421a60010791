"""Training of the priors."""
