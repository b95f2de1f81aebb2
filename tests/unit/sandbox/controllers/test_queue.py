import asyncio

from sandbox.controllers.queue import Key, Queue

ONE, TWO = Key("pods", "shop", "one"), Key("pods", "shop", "two")


def test_what_waits_already_is_not_added_again() -> None:
    async def scenario() -> list[Key]:
        queue = Queue()
        for key in (ONE, TWO, ONE):
            queue.add("controller", key)
        taken = [(await queue.take())[1], (await queue.take())[1]]
        queue.add("controller", ONE)
        return [*taken, (await queue.take())[1]]

    assert asyncio.run(scenario()) == [ONE, TWO, ONE]


def test_a_later_look_replaces_the_one_asked_for_before() -> None:
    async def scenario() -> float:
        queue, loop = Queue(), asyncio.get_running_loop()
        start = loop.time()
        queue.add_later("controller", ONE, 60)
        queue.add_later("controller", ONE, 0.01)
        await queue.take()
        return loop.time() - start

    assert asyncio.run(scenario()) < 30


def test_closing_forgets_what_was_to_come() -> None:
    async def scenario() -> bool:
        queue = Queue()
        queue.add_later("controller", ONE, 0)
        queue.close()
        taking = asyncio.create_task(queue.take())
        done, _ = await asyncio.wait((taking,), timeout=0.05)
        taking.cancel()
        return bool(done)

    assert not asyncio.run(scenario())
