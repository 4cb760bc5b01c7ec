"""`carillon cancel`: a send is called off, also half-way."""

from services.cli.address import SecretOption, UrlOption
from services.cli.ordering import SendArgument, order


def command(send: SendArgument, url: UrlOption = None, secret: SecretOption = None) -> None:
    """Call a send off, also half-way; what was not sent is counted as cancelled."""
    order(send, "cancel", url, secret)
