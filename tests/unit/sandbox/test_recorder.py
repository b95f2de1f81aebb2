from sandbox.recorder import Recorder
from sandbox.store import Object, Store

METADATA = {"name": "shop", "namespace": "shop", "uid": "1", "resourceVersion": "7"}


def record(store: Store, *messages: str, **options: object) -> list[Object]:
    recorder = Recorder(store, "kubelet", host="sandbox")
    for message in messages:
        recorder.record("pods", {"metadata": METADATA}, "BackOff", message, **options)  # type: ignore[arg-type]
    return store.list("events")


def test_an_event_names_its_object_and_its_source() -> None:
    (event,) = record(Store(), "Back-off", warning=True, container="app")
    assert event["involvedObject"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        **METADATA,
        "fieldPath": "spec.containers{app}",
    }
    assert event["source"] == {"component": "kubelet", "host": "sandbox"}
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "BackOff", 1)


def test_the_same_event_again_is_counted() -> None:
    events = record(Store(), "one", "two", "one", "one")
    assert sorted((event["message"], event["count"]) for event in events) == [("one", 3), ("two", 1)]


def test_the_oldest_events_are_forgotten() -> None:
    events = record(Store(), *(str(number) for number in range(1005)))
    assert len(events) == 1000
    assert not {"0", "4"} & {event["message"] for event in events}


def test_an_event_that_was_deleted_is_written_anew() -> None:
    store = Store()
    recorder = Recorder(store, "kubelet")
    recorder.record("pods", {"metadata": METADATA}, "Pulled", "one")
    store.delete("events", "shop", store.list("events")[0]["metadata"]["name"])
    recorder.record("pods", {"metadata": METADATA}, "Pulled", "one")
    assert [event["count"] for event in store.list("events")] == [1]
