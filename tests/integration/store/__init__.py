"""Each collection on a real MongoDB."""
