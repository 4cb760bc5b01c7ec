"""What the compose files and the Dockerfile say holds together, and gives nobody more than they need."""

from pathlib import Path

import pytest

from services.cli.local.mongod import EVICTION
from services.cli.local.places import ROOT
from shared.providers.registry import platforms
from shared.runtime.settings import Common
from tests.integration.deploy.composition import FILES, Container, composed, containers
from tests.integration.deploy.image import IMAGE, in_context

ALL = containers()
OURS = [container for container in ALL.values() if container.ours]
SCALED = [container for container in OURS if container.name not in {"ingest", "simulator"}]
ROOT_USERS = {"", "0", "root"}


def name_of(container: Container) -> str:
    return container.name


def test_every_service_is_there_and_delivery_once_for_each_platform() -> None:
    runnable = {f"services.{file.parent.name}" for file in (ROOT / "services").glob("*/__main__.py")}
    run = [container.command[-1] for container in OURS]
    assert set(run) == runnable - {"services.cli"}
    chosen = [one.environment["CARILLON_PLATFORM"] for one in OURS if one.command[-1] == "services.delivery"]
    assert sorted(chosen) == sorted(platforms())
    assert len(run) == len(runnable - {"services.cli", "services.delivery"}) + len(chosen)


def test_without_the_override_the_same_services_run_and_nothing_points_at_a_simulator() -> None:
    alone = containers(FILES[:1])
    assert alone.keys() == ALL.keys() - {"simulator"}
    assert not [name for name, one in alone.items() for value in one.environment.values() if "simulator" in value]


@pytest.mark.parametrize("container", SCALED, ids=name_of)
def test_as_many_as_one_likes_run_side_by_side(container: Container) -> None:
    """A name, a port of the host or an address of its own can be had once only."""
    assert container.published == ()
    assert not {"container_name", "network_mode", "networks", "hostname"} & container.told.keys()


@pytest.mark.parametrize("container", ALL.values(), ids=name_of)
def test_what_is_published_can_be_reached_from_this_host_only_and_is_listened_on(container: Container) -> None:
    for address, _, inside in container.published:
        assert address == "127.0.0.1"
        ports = {value for name, value in container.environment.items() if name.endswith("_PORT")}
        assert inside in ports


@pytest.mark.parametrize("container", OURS, ids=name_of)
def test_it_listens_where_other_containers_reach_it(container: Container) -> None:
    assert [value for name, value in container.environment.items() if name.endswith("_HOST")] == ["0.0.0.0"]  # noqa: S104


@pytest.mark.parametrize("container", OURS, ids=name_of)
def test_all_run_the_one_image_that_the_checkout_builds(container: Container) -> None:
    assert container.told["image"] == OURS[0].told["image"]
    assert (ROOT / OURS[0].told["build"]["context"] / OURS[0].told["build"]["dockerfile"]).exists()


@pytest.mark.parametrize("container", OURS, ids=name_of)
def test_it_runs_as_an_ordinary_user_who_owns_the_folders_under_its_volumes(container: Container) -> None:
    assert str(container.told.get("user", IMAGE.last("USER"))) not in ROOT_USERS
    assert "privileged" not in container.told
    assert container.mounts.keys() <= IMAGE.made_folders


def test_the_images_user_is_a_number_so_that_a_cluster_can_see_that_it_is_not_root() -> None:
    assert IMAGE.last("USER").isdecimal()
    assert f"--uid {IMAGE.last('USER')} " in IMAGE.all("RUN")
    assert [word for word, _ in IMAGE.instructions].index("USER") > [word for word, _ in IMAGE.instructions].index(
        "RUN"
    )


@pytest.mark.parametrize("source", IMAGE.sources)
def test_what_the_image_copies_exists_and_is_given_to_the_builder(source: str) -> None:
    assert (ROOT / source).exists()
    assert in_context(source)


def test_what_is_not_copied_is_kept_from_the_builder() -> None:
    for source in (".venv", ".git", "build", "tests", "docker-compose.yml"):
        assert not in_context(source)


@pytest.mark.parametrize("container", ALL.values(), ids=name_of)
def test_what_it_waits_for_and_mounts_is_there(container: Container) -> None:
    assert container.after.keys() <= ALL.keys()
    assert set(container.after.values()) <= {"service_healthy"}
    for outside in container.mounts.values():
        assert (ROOT / outside).exists() if outside.startswith(".") else outside in composed()["volumes"]


@pytest.mark.parametrize("container", OURS, ids=name_of)
def test_there_is_time_to_drain_before_docker_kills_it(container: Container) -> None:
    drain = float(container.environment.get("CARILLON_DRAIN_SECONDS", Common.model_fields["drain_seconds"].default))
    has_drain = container.name != "simulator"
    assert container.grace > drain or not has_drain


def test_the_store_makes_itself_the_replica_set_that_clients_ask_for() -> None:
    store = ALL["mongodb"]
    replica_set = store.command[store.command.index("--replSet") + 1]
    script = store.health_check[-1]
    assert f'_id: "{replica_set}"' in script
    assert 'host: "mongodb:27017"' in script  # members are known to clients by this address
    assert all(
        f"replicaSet={replica_set}" in one.environment.get("CARILLON_MONGODB_URL", f"replicaSet={replica_set}")
        for one in OURS
    )


def test_the_store_writes_pages_out_as_seldom_as_a_local_one() -> None:
    assert f"--wiredTigerEngineConfigString={EVICTION}" in ALL["mongodb"].command


def test_the_simulators_certificate_is_for_the_name_that_delivery_calls_it_by() -> None:
    names = ALL["simulator"].environment["CARILLON_SIMULATOR_NAMES"].split(",")
    called = [
        value.removeprefix("https://").partition(":")[0]
        for one in OURS
        for name, value in one.environment.items()
        if one.name.startswith("delivery") and name.endswith("_URL") and value.startswith("https://")
    ]
    assert called
    assert set(called) <= set(names)


def test_no_secret_of_ours_is_written_in_the_files() -> None:
    """The broker's password is the exception that the file's head speaks of: it is not reachable from outside."""
    text = "".join(Path(file).read_text("utf-8") for file in FILES)
    assert "CARILLON_ADMIN_KEY:" not in text
    assert "PRIVATE KEY" not in text
    assert not ALL["rabbitmq"].published
    assert not ALL["mongodb"].published
