"""The histogram that is added up from records: buckets hold what is below them, as Prometheus reads them."""

from prometheus_client.parser import text_string_to_metric_families

from shared.flow.record import LATENCY_BOUNDS
from shared.runtime.metrics import Metrics


def test_a_records_answers_are_added_as_they_are() -> None:
    metrics = Metrics()
    times = metrics.answer_seconds.labels("apns", "now")
    times.observe([0, 3, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2])
    times.observe([1] + [0] * 12)
    times.observe(())
    families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
    samples = families["carillon_answer_seconds"].samples
    assert {sample.labels["platform"] for sample in samples} == {"apns"}
    found = {float(sample.labels["le"]): sample.value for sample in samples}
    assert found == dict(zip([*LATENCY_BOUNDS, float("inf")], [1, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 7], strict=True))
