"""The providers' deciding files, without network."""
