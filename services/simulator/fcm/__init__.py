"""Firebase Cloud Messaging as a client meets it: the v1 API, Google's token endpoint, topics and delivery data.

    request ──▶ router ──▶ token endpoint (assertion)            every answer that is not a success is a refusal:
                      ├──▶ send: checks, one after the other     Google's own error body, one function each
                      ├──▶ topics (instance id, registrations)
                      └──▶ delivery data
    accepted ──▶ fan-out (topics) ──▶ mailbox (what a device keeps, drops and shows)

Source of the behaviour: the protocol reference, part B and table F.2 (rows F1 to F22).
"""
