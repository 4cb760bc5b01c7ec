"""The library transports against the simulated providers."""
