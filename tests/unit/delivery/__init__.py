"""Delivery's deciding files, without network."""
