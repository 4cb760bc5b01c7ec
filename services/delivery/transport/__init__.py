"""How requests reach a provider: many requests in, many outcomes out. Which library does it is the operator's choice."""
