"""reporter: results in; reports, feedback and retired devices out.

    results.<lane> ─▶ hearing ─▶ retire dead tokens, quarantine suspects ─▶ feedback ─▶ ack
                         └─▶ dirty sends ─▶ summing (at most 4 a second and send) ─▶ report ─▶ finished: feedback

A result only says that a record is there; everything is derived from the records, so a result may come twice.
"""
