"""Apple's push service as it behaves on the wire: two environments, their channels, and every rule of table F.1.

    send  ──▶ checks (a list, in order) ──▶ registry ──▶ storage ──▶ what the device shows
               └── authentication (keys, certificate)

The rules and their sources are the protocol reference, part A.
"""
