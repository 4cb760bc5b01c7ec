"""The planner on real parts: what it does with what nobody else could."""
