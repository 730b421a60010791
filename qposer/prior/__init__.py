"""The prior: the quantised autoencoder, the model of which codes go together, and the networks of both."""
