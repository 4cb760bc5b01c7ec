"""Templates, from the text of one to the bodies of many devices."""
