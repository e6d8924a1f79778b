"""IPython as an interpreter: the only package that imports IPython, traitlets and comm.

Nothing here is imported before the kernel's sockets answer.
"""
