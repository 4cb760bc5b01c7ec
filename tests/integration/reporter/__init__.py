"""The reporter on a real store: what becomes of devices after their results."""
