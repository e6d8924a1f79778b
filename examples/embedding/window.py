"""A window whose cells run in its own thread, by a timer: its widgets may be used from a cell.

    python examples/embedding/window.py

It says how to connect; ``label["text"] = "Hello"`` changes the window, ``root.destroy()`` ends it.
"""

from __future__ import annotations

import tkinter

from assay.kernel import SteppedKernel, serve_in_steps

INTERVAL_MS = 20


def turn(root: tkinter.Tk, kernel: SteppedKernel) -> None:
    """Handle what waits, and come back."""
    while kernel.do_one_iteration():
        pass
    if kernel.is_running:
        root.after(INTERVAL_MS, turn, root, kernel)


def main() -> None:
    """Show a window with a label."""
    root = tkinter.Tk()
    label = tkinter.Label(root, text="a label")
    label.pack()
    with serve_in_steps({"root": root, "label": label}) as kernel:
        print(f"jupyter console --existing {kernel.connection_file}", flush=True)
        root.after(INTERVAL_MS, turn, root, kernel)
        root.mainloop()
    print("closed")


if __name__ == "__main__":
    main()
