"""The pure parts of the simulators."""
