"""The Docker command of a server says all that the process variant says, and opens nothing to the outside."""

from services.cli.local.docker import Recipe

RECIPE = Recipe("carillon-1-rabbitmq", "rabbitmq:3.13", 5672, 23456, {"RABBITMQ_DEFAULT_USER": "carillon"}, ("serve",))


def test_a_container_is_published_on_loopback_only() -> None:
    arguments = RECIPE.run_arguments()
    assert arguments[arguments.index("--publish") + 1] == "127.0.0.1:23456:5672"
    assert arguments.count("--publish") == 1


def test_options_come_before_the_image_and_the_command_after_it() -> None:
    arguments = RECIPE.run_arguments()
    image = arguments.index("rabbitmq:3.13")
    assert arguments[image + 1 :] == ["serve"]
    assert arguments.index("RABBITMQ_DEFAULT_USER=carillon") < image
