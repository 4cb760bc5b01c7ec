"""Processes and HTTP servers as an operator meets them."""
