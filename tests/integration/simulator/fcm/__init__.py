"""Each row of the protocol reference's table F.2, asked over the wire."""
