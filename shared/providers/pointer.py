"""Writes JSON pointers (RFC 6901): where in a message something is wrong."""


def pointer(*parts: str | int) -> str:
    """The pointer to a place in a document, `""` for the whole of it."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
