"""Takes a file out of a form (multipart/form-data, RFC 7578). Pure."""

from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

MEDIA_TYPE: Final = "multipart/form-data"
_END: Final = b"\r\n"
_BLANK: Final = _END + _END


def file_of(body: bytes, content_type: str, name: str) -> bytes | None:
    """What the part of this name holds, or None if there is none, or nothing that reads as a form."""
    kind = Message()
    kind["content-type"] = content_type
    boundary = kind.get_boundary()
    if not boundary:
        return None
    edge = b"--" + boundary.encode()
    at = 0 if body.startswith(edge) else body.find(_END + edge) + len(_END)
    while body.startswith(edge, at):
        begins, ends = body.find(_BLANK, at), body.find(_END + edge, at)
        if begins < 0 or not at < begins < ends + 1:  # what follows the last part is nobody's
            return None
        if _name(body[at:begins]) == name:
            return body[begins + len(_BLANK) : ends]
        at = ends + len(_END)
    return None


def _name(head: bytes) -> object:
    """By which a part goes; its headers begin after the end of the boundary's line."""
    headers = BytesHeaderParser().parsebytes(head.partition(_END)[2])
    return headers.get_param("name", header="content-disposition")
