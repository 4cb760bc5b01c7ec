"""The simulators, row by row of the tables of what they must do."""
