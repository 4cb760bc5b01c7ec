"""What the local stack decides without starting anything."""
