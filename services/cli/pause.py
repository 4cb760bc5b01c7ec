"""`carillon pause`: a send waits until it is resumed."""

from services.cli.address import SecretOption, UrlOption
from services.cli.ordering import SendArgument, order


def command(send: SendArgument, url: UrlOption = None, secret: SecretOption = None) -> None:
    """Begin nothing more of a send until it is resumed; its deadline stays."""
    order(send, "pause", url, secret)
