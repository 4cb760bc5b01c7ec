"""The catalogue: what is in it exists, by the names that rules and dashboards use."""

import re

from prometheus_client.parser import text_string_to_metric_families

from shared.runtime.metrics import PREFIX, Metrics, catalogue

UNBOUNDED = {"token", "user", "device", "send", "slice", "id", "variant"}
BY_APP = {"notifications", "credential_days_left"}
"""Where the largest apps are named, and all others are one."""


def test_every_metric_of_the_catalogue_is_served_under_our_prefix() -> None:
    families = {family.name for family in text_string_to_metric_families(Metrics().text().decode())}
    assert families == {PREFIX + name for name in catalogue()}


def test_no_label_has_as_many_values_as_there_are_users() -> None:
    assert all(not set(spec.labels) & UNBOUNDED for _, spec in catalogue().values())
    assert {name for name, (_, spec) in catalogue().items() if "app" in spec.labels} == BY_APP


def test_names_are_plain_and_every_metric_says_what_it_tells() -> None:
    for name, (_, spec) in catalogue().items():
        assert re.fullmatch(r"[a-z_]+", name)
        assert spec.text


def test_two_processes_in_one_test_do_not_share_counts() -> None:
    one, other = Metrics(), Metrics()
    one.slices_done.labels("apns", "now").inc()
    assert 'carillon_slices_done_total{lane="now",platform="apns"} 1.0' in one.text().decode()
    assert 'carillon_slices_done_total{lane="now"' not in other.text().decode()
