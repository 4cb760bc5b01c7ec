"""What ingest decides, without a network."""
