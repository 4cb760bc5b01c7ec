"""Who asks, and whether this project is theirs: 401, 403 and 404 without an FcmError, as Google's front ends answer.

Source: the protocol reference, B.3, B.9, rows F2 and F3.
"""

from services.simulator.exchange import Request
from services.simulator.fcm.access_token import Bearer
from services.simulator.fcm.project import CLOUD_PLATFORM, MESSAGING, Project
from services.simulator.fcm.refusal import Refusal, error_info, refusal
from services.simulator.fcm.world import World

SERVICE = "fcm.googleapis.com"
REALM = 'Bearer realm="https://accounts.google.com/"'
EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
MISSING = f"Request is missing required authentication credential. {EXPECTED}"
INVALID = f"Request had invalid authentication credentials. {EXPECTED}"


def bearer_of(request: Request, world: World) -> Bearer | Refusal:
    """The access token's owner, or 401."""
    given = request.header("authorization") or ""
    scheme, _, token = given.partition(" ")
    if not token or scheme.lower() != "bearer":
        return _unauthenticated(MISSING, "CREDENTIALS_MISSING", REALM)
    bearer = world.tokens.look(token.strip(), world.now())
    if bearer is None:
        return _unauthenticated(INVALID, "ACCESS_TOKEN_TYPE_UNSUPPORTED", f'{REALM}, error="invalid_token"')
    return bearer


def scope_refused(bearer: Bearer, *enough: str) -> Refusal | None:
    if not bearer.grant.scopes.isdisjoint((*enough, CLOUD_PLATFORM)):
        return None
    info = error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", service=SERVICE)
    return refusal("PERMISSION_DENIED", "Request had insufficient authentication scopes.", info)


def sending_refused(bearer: Bearer, name: str, world: World) -> Refusal | None:
    """403: the scope, the role in this very project, the API switched on. A project nobody knows is not judged here."""
    project = world.directory.project(name)
    if (lacking := scope_refused(bearer, MESSAGING)) is not None or project is None:
        return lacking
    account = world.directory.accounts.get(bearer.grant.account)
    if account is None or account.project != project.id or not account.may_send():
        return _denied(name)
    return None if project.api_enabled else _disabled(project)


def project_refused(name: str, world: World) -> Refusal | None:
    """404 for a project nobody registered, or the 403 that hides whether it exists (knob)."""
    if world.directory.project(name) is not None:
        return None
    return _denied(name) if world.knobs.unknown_project == 403 else refusal("NOT_FOUND")  # noqa: PLR2004  HTTP


def _unauthenticated(text: str, reason: str, challenge: str) -> Refusal:
    info = error_info(reason, "googleapis.com", service=SERVICE)
    return Refusal(401, "UNAUTHENTICATED", text, (info,), challenge=challenge)


def _denied(name: str) -> Refusal:
    resource = f"//cloudresourcemanager.googleapis.com/projects/{name}"
    permission = "cloudmessaging.messages.create"
    text = f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    domain = "cloudresourcemanager.googleapis.com"
    info = error_info("IAM_PERMISSION_DENIED", domain, permission=permission, resource=f"projects/{name}")
    return refusal("PERMISSION_DENIED", text, info)


def _disabled(project: Project) -> Refusal:
    text = (
        f"Firebase Cloud Messaging API has not been used in project {project.number} before or it is disabled. "
        "Enable it, then retry. If you enabled this API recently, wait a few minutes."
    )
    info = error_info("SERVICE_DISABLED", "googleapis.com", service=SERVICE, consumer=f"projects/{project.number}")
    return refusal("PERMISSION_DENIED", text, info)
