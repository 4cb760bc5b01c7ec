"""gorush (https://github.com/appleboy/gorush): `POST /api/push`, as its README describes the request.

request (their words, as a model) ──▶ mapping (one notification as one send; pure) ──▶ push (the endpoint)
"""
