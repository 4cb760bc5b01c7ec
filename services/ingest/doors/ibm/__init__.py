"""IBM Push Notifications (IBM Cloud, `imfpush/v1`): messages, devices, subscriptions and tags, as its clients ask.

routes (what there is) ──▶ entrance (who asks, and refusals in IBM's words) ──▶ the endpoints:
  messages ── request (their words, as a model) ──▶ mapping ──▶ apple, android (what the SDKs on the phones read; pure)
  devices, subscriptions, tags, senders ── what apps on the phones ask for
  token (`POST /identity/token`, IBM Cloud's way to a bearer token)
"""
