"""The faults, by what they hit: processes, broker, store, providers, audiences, machines, the network."""
