"""The batch that halves itself: without a GPU, with memory for as many items as the test says."""

import threading
from collections.abc import Iterator

import pytest

from core.engines.batches import HalvingBatches, OutOfMemory, side_by_side
from core.errors import UserError


class Device:
    """Squares numbers, at most `room` of them at once; remembers how many it was given."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.given: list[int] = []

    def work(self, batch: list[int]) -> list[int]:
        self.given.append(len(batch))
        if len(batch) > self.room:
            raise OutOfMemory("CUDA out of memory")
        return [item**2 for item in batch]


def test_a_batch_that_fits_stays_as_it_is() -> None:
    device = Device(4)
    found = list(HalvingBatches(4, "m").run(range(10), device.work))
    assert found == [[(n, n**2) for n in part] for part in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9])]
    assert device.given == [4, 4, 2]


def test_what_does_not_fit_is_halved_nothing_is_lost_and_the_size_is_kept() -> None:
    said: list[str] = []
    device = Device(2)
    batches = HalvingBatches(8, "m", said.append)
    found = [pair for batch in batches.run(range(7), device.work) for pair in batch]
    assert found == [(n, n**2) for n in range(7)]
    assert device.given == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert [line.rpartition(" ")[2] for line in said] == ["3", "1"]
    list(batches.run(range(2), device.work))
    assert device.given[-2:] == [1, 1]


def test_an_item_that_does_not_fit_alone_is_told_with_what_to_do() -> None:
    with pytest.raises(UserError) as caught:
        list(HalvingBatches(2, "a/large-model").run([1, 2], Device(0).work))
    assert "memory ran out" in caught.value.what
    assert "a/large-model" in caught.value.why
    assert caught.value.fix
    assert caught.value.detail == "CUDA out of memory"


def test_items_are_taken_only_as_they_are_needed() -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    batches = HalvingBatches(3, "m").run(endless(), Device(3).work)
    assert next(batches) == [(0, 0), (1, 1), (2, 4)]
    assert taken == [0, 1, 2]


def test_nothing_in_nothing_out() -> None:
    assert list(HalvingBatches(3, "m").run([], Device(3).work)) == []


def test_batches_side_by_side_keep_their_order_and_no_thread_waits_for_another() -> None:
    first_may_end, third_begun = threading.Event(), threading.Event()

    def work(batch: list[int]) -> list[int]:
        if batch[0] == 0:
            assert first_may_end.wait(20)
        if batch[0] == 4:
            third_begun.set()
        return [item**2 for item in batch]

    # The third batch is worked on while the first one still is: the thread that had the second waits for nobody.
    threading.Thread(target=lambda: third_begun.wait(20) and first_may_end.set()).start()
    found = list(side_by_side(range(7), work, 2, 2))
    assert found == [[(n, n**2) for n in part] for part in ([0, 1], [2, 3], [4, 5], [6])]


def test_side_by_side_what_is_left_at_the_end_is_parted_evenly() -> None:
    found = side_by_side(range(22), lambda batch: batch, 4, 2)
    assert [len(batch) for batch in found] == [4, 4, 4, 4, 3, 3]
    assert [len(batch) for batch in side_by_side(range(5), lambda batch: batch, 4, 3)] == [2, 2, 1]


def test_side_by_side_an_error_comes_out_at_its_place_and_nothing_goes_on_behind_it() -> None:
    given: list[int] = []

    def work(batch: list[int]) -> list[int]:
        given.append(batch[0])
        if batch[0] == 2:
            raise KeyError("the third")
        return batch

    batches, found = side_by_side(iter(range(100)), work, 1, 2), []
    with pytest.raises(KeyError, match="the third"):
        found.extend(batches)
    assert found == [[(0, 0)], [(1, 1)]]
    assert max(given) < 6
    given.clear()
    left = side_by_side(iter(range(100)), lambda batch: given.append(batch[0]) or batch, 1, 2)
    next(left)
    left.close()
    assert max(given) < 4
