"""Pure tests of this part."""
