"""The engine's protocol as bytes: no socket, no clock."""
