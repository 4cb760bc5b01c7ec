"""The bus against a real broker."""
