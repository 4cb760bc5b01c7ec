"""The books: the laws themselves, and a model of the flow that tries to break them."""
