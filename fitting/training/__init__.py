"""Training of the regressor that initialises fits."""
