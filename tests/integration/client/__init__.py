"""The client for backends against servers and brokers that misbehave; without a fleet."""
