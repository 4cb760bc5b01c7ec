"""`carillon resume`: a paused send goes on."""

from services.cli.address import SecretOption, UrlOption
from services.cli.ordering import SendArgument, order


def command(send: SendArgument, url: UrlOption = None, secret: SecretOption = None) -> None:
    """Go on with a paused send."""
    order(send, "resume", url, secret)
