"""The rehearsal behind `carillon demo`: a whole stack, an app with drawn devices, two sends, and the books compared.

    conditions ─▶ audience ─┐                                    ledger (what the stand-ins were asked) ─┐
    keys ───────────────────┼─▶ stage ─▶ performance ─▶ reports ────────────────────────────────────────┼─▶ books
    stand_ins ──────────────┘                                                     devices still there ──┘

conditions   what can be the matter with a device, and what must become of a notification to it
audience     draws the devices
keys         makes credentials of its own for APNs and FCM
stand_ins    speaks to the simulators' control port
ledger       reads the simulators' request logs
stage        sets everything up: credentials, app, variants, devices
performance  sends, follows, and reads both sides of the books
books        compares them, device by device; pure
programme    shows and writes what came out
"""
