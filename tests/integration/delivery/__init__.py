"""Parts of delivery on a real store."""
