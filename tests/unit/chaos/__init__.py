"""The checker itself is checked: it must find what is lost, sent twice or miscounted, and nothing else."""
