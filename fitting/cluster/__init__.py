"""Folders and lists of photos on many machines, with Ray: batches, workers, and the driver."""
