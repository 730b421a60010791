"""The files that the product ships; ``qposer.io.assets.asset`` finds them."""
