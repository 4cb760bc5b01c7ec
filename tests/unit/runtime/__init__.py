"""The pure parts of what every process needs."""
