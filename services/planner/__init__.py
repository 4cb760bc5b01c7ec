"""planner: sends in; plans and slices out, as they fall due.

commands ─▶ door ─▶ store ─┐
sends.<lane> ──────────────┴─▶ intake ─▶ small: slices at once
└─▶ plan ─▶ schedule ─▶ feeder (credit: results) ─▶ slices.<platform>.<lane>
sweep: what the store says is owed and nobody works on goes onto the bus again, or is closed by counting
"""
