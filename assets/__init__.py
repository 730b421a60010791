"""The files that the product ships; ``qposer.assets.asset`` finds them."""
