"""Cocoa, by the functions of the Objective-C runtime: windows of matplotlib's own backend.

It has been written by the documentation, and has not been run: see ``docs/platforms.md``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from typing import Any

from assay.kernel.gui._descriptor_watch import DescriptorWatch
from assay.kernel.gui._toolkit import Toolkit, ToolkitError

__all__ = ["make"]

ANY_EVENT = 2**64 - 1
APPLICATION_DEFINED = 15
"""The type of an event that means nothing to AppKit, and ends its waiting."""


def make(name: str) -> Toolkit:
    """Return Cocoa.

    Raises:
        ToolkitError: this is not macOS.
    """
    if (system := os.uname().sysname) != "Darwin":
        raise ToolkitError(f"GUI {name}: wanted macOS, found {system}")
    return _Cocoa(name, _ObjectiveC())


class _Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_double), ("y", ctypes.c_double))


class _ObjectiveC:
    """Sends messages to objects."""

    def __init__(self) -> None:
        path = ctypes.util.find_library("objc")
        appkit = ctypes.util.find_library("AppKit")
        if path is None or appkit is None:
            raise ToolkitError("GUI osx: wanted AppKit, found no such library")
        self._library: Any = ctypes.CDLL(path)
        ctypes.CDLL(appkit)
        for function in (self._library.objc_getClass, self._library.sel_registerName):
            function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        self._library.objc_autoreleasePoolPush.restype = ctypes.c_void_p
        self._library.objc_autoreleasePoolPop.argtypes = [ctypes.c_void_p]

    def named(self, name: str) -> int | None:
        """Return the class *name*."""
        found: int | None = self._library.objc_getClass(name.encode())
        return found

    def selector(self, name: str) -> int | None:
        """Return what the method *name* is known by."""
        found: int | None = self._library.sel_registerName(name.encode())
        return found

    def send(self, receiver: int | None, name: str, *values: tuple[Any, object]) -> int | None:
        """Call the method *name* of *receiver* with *values*, each with its C type before it."""
        kinds = [kind for kind, _ in values]
        prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, *kinds)
        call: Any = prototype(("objc_msgSend", self._library))
        found: int | None = call(receiver, self.selector(name), *(value for _, value in values))
        return found

    def text(self, text: str) -> int | None:
        """Return an NSString."""
        made = (ctypes.c_char_p, text.encode())
        return self.send(self.named("NSString"), "stringWithUTF8String:", made)

    def push(self) -> int | None:
        """Begin to collect what is autoreleased."""
        pool: int | None = self._library.objc_autoreleasePoolPush()
        return pool

    def pop(self, pool: int | None) -> None:
        """Free what has been collected since *pool*."""
        self._library.objc_autoreleasePoolPop(pool)


class _Cocoa:
    """NSApplication's queue of events.

    Args:
        name: As it was asked for.
        objc: Sends messages.
    """

    def __init__(self, name: str, objc: _ObjectiveC) -> None:
        self.name = name
        self._objc = objc
        self._app = objc.send(objc.named("NSApplication"), "sharedApplication")
        objc.send(self._app, "finishLaunching")
        self._watch: DescriptorWatch | None = None

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle events until *descriptor* can be read, or one has been handled."""
        pool = self._objc.push()
        try:
            if timeout == 0:
                self._handle_next("distantPast")
                return
            watch = self._watch = self._watch or DescriptorWatch(self._wake)
            watch.wake_when_readable(descriptor, timeout)
            try:
                self._handle_next("distantFuture")
            finally:
                watch.forget()
        finally:
            self._objc.pop(pool)

    def _handle_next(self, until: str) -> None:
        objc = self._objc
        pointer = ctypes.c_void_p
        event = objc.send(
            self._app,
            "nextEventMatchingMask:untilDate:inMode:dequeue:",
            (ctypes.c_ulong, ANY_EVENT),
            (pointer, objc.send(objc.named("NSDate"), until)),
            (pointer, objc.text("kCFRunLoopDefaultMode")),
            (ctypes.c_bool, True),
        )
        if event:
            objc.send(self._app, "sendEvent:", (pointer, event))
        objc.send(self._app, "updateWindows")

    def _wake(self) -> None:
        """Post an event; in any thread."""
        objc = self._objc
        pool = objc.push()
        try:
            kinds = "otherEventWithType:location:modifierFlags:timestamp:windowNumber:context:"
            event = objc.send(
                objc.named("NSEvent"),
                f"{kinds}subtype:data1:data2:",
                (ctypes.c_ulong, APPLICATION_DEFINED),
                (_Point, _Point(0, 0)),
                (ctypes.c_ulong, 0),
                (ctypes.c_double, 0.0),
                (ctypes.c_long, 0),
                (ctypes.c_void_p, None),
                (ctypes.c_short, 0),
                (ctypes.c_long, 0),
                (ctypes.c_long, 0),
            )
            objc.send(
                self._app, "postEvent:atStart:", (ctypes.c_void_p, event), (ctypes.c_bool, False)
            )
        finally:
            objc.pop(pool)

    def break_off(self) -> None:
        """Stop the application's own loop, if a cell runs it."""
        self._objc.send(
            self._app,
            "performSelectorOnMainThread:withObject:waitUntilDone:",
            (ctypes.c_void_p, self._objc.selector("stop:")),
            (ctypes.c_void_p, None),
            (ctypes.c_bool, False),
        )
        self._wake()

    def close(self) -> None:
        """End the thread that wakes it."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
