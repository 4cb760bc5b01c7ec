"""The tests: unit (pure), integration (real servers), interop (other people's clients and servers), chaos, bench."""
