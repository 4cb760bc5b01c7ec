"""What is owed and what is known: MongoDB, one file a collection with its indexes beside it.

No call goes without a tenant: it takes an app id, or an id that starts with one. The few that look across apps are the
planner's sweep and say so.
"""
