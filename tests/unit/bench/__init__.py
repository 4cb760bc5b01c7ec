"""The bench's own decisions: what counts, what a table says, where load may go."""
