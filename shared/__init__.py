"""What two or more services need; imports nothing from services."""
