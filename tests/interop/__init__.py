"""Other people's clients and servers keep ours honest."""
