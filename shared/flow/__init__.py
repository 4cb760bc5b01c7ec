"""What travels between the services and what is counted; pure, and the bottom of the import order.

A backend posts a `SendRequest`; accepted, it is a `Send`. The planner cuts a send into a `Plan` of routes, slices and
chunks. Delivery turns a chunk into provider requests, their outcomes into verdicts, and closes it with one record. The
report is the sum of the records.
"""
