"""The prior: the quantised autoencoder, the prior over its codes, and their networks."""
