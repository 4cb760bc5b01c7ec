"""How requests reach a provider: many requests in, many outcomes out. What carries them is the operator's choice."""
