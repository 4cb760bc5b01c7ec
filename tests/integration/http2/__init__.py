"""The engine against real sockets: the simulator's listener, servers that misbehave, a proxy, certificates."""
