"""The reporter's decisions, without a store."""
