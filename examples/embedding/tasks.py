"""An asyncio program whose cells run in its own thread, between its own tasks.

    python examples/embedding/tasks.py

It says how to connect, and ends when a cell calls ``stop.set()``. A cell may touch whatever the
program's tasks touch: none of them runs meanwhile.
"""

from __future__ import annotations

import asyncio

from assay.kernel import SteppedKernel, serve_in_steps


def step(kernel: SteppedKernel, loop: asyncio.AbstractEventLoop) -> None:
    """Handle one request, and come back if there may be another."""
    if kernel.do_one_iteration():
        loop.call_soon(step, kernel, loop)


async def tick(beats: list[int]) -> None:
    """Do the program's work."""
    while True:
        beats.append(len(beats))
        await asyncio.sleep(0.01)


async def main() -> None:
    """Work until a cell says stop."""
    stop = asyncio.Event()
    beats: list[int] = []
    loop = asyncio.get_running_loop()
    with serve_in_steps({"beats": beats, "stop": stop}) as kernel:
        kernel.when_due(lambda: loop.call_soon_threadsafe(step, kernel, loop))
        step(kernel, loop)  # what has come before is due as well
        print(f"jupyter console --existing {kernel.connection_file}", flush=True)
        ticking = asyncio.create_task(tick(beats))
        await stop.wait()
        ticking.cancel()
    print("stopped")


if __name__ == "__main__":
    asyncio.run(main())
