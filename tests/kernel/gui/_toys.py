"""A GUI toolkit without a GUI, for cells of tests: it has timers, and waits by its descriptor."""

SETUP = """
import asyncio, os, select, sys, threading, time

class Toy:
    '''What `assay.kernel.Toolkit` asks for; all of its waiting is in wait.'''

    def __init__(self, name):
        self.name, self.timers, self.waits, self.closings, self.breaks = name, [], [], 0, 0
        self.on_wait = None

    def every(self, seconds, call):
        self.timers.append([time.monotonic() + seconds, seconds, call])

    def wait(self, descriptor, timeout):
        self.waits.append(timeout)
        if self.on_wait is not None:
            self.on_wait()
        now = time.monotonic()
        limits = [max(0, due - now) for due, *_ in self.timers]
        limits += [] if timeout is None else [timeout]
        select.select([descriptor], [], [], min(limits, default=None))
        for timer in [t for t in self.timers if t[0] <= time.monotonic()]:
            timer[0] += timer[1]
            timer[2]()

    def break_off(self):
        self.breaks += 1

    def close(self):
        self.closings += 1

gui = get_ipython().enable_gui
"""
"""Defines the class `Toy`, and `gui`, which switches one on."""
