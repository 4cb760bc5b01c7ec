"""The engine against servers that nobody here wrote: every server in every situation, counted by both ends.

table        which server in which situation, and why a cell cannot be had: data
demand       how a server is to behave, and how a request is named
far_end      starts a server on a free port, slows it, stops it by pid, and reads what it counted
<name>_server   one server: its command line, its log
wire         what the server's frames were, so that no cell is empty
installed    the programs, brought from Debian where they are missing
"""
