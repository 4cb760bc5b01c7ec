"""Closes the books of a case from outside; imports nothing but the standard library and an HTTP client.

promises (the client's journal) + population (who is registered) + ledger (the providers' logs) + asking (the API)
    ──▶ books (what does not fit) and recovery (how long a kill was felt)
"""
