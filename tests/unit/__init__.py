"""Pure tests: no network, no disk, no clock."""
