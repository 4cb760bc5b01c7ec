"""Puts the message of a stored template in the place of a send's reference to it, before the send is accepted."""

from shared.flow.send import Problem, SendRequest
from shared.store.templates import Templates


async def said_in_full(request: SendRequest, app: str, templates: Templates) -> SendRequest | Problem:
    """The request with its message; what is wrong if it refers to nothing, or says two things."""
    if request.template is None:
        return request
    if "message" in request.model_fields_set:
        return Problem(pointer="/message", detail="the template has the message: leave one of them out")
    found = await templates.get(app, request.template.name, request.template.version)
    if found is None:
        return Problem(pointer="/template", detail="the app has no such template, or no such version of it")
    template = request.template.model_copy(update={"version": found.version})
    return request.model_copy(update={"message": found.message, "template": template})
