"""The processes Carillon is made of: each turns one thing that travels into the next.

    HTTP -> ingest -> sends -> planner -> slices -> delivery -> results -> reporter -> reports
    AMQP -------------'

They meet only on the bus and in the store: no service imports another.
"""
