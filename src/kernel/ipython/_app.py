"""IPython's application: profiles, configuration files, extensions, startup code.

What people have on disk for IPython's kernel works here: the class has the name that their
``ipython_kernel_config.py`` configures.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, ClassVar, cast

from IPython.core.application import BaseIPythonApplication, base_aliases, base_flags
from IPython.core.profiledir import ProfileDir
from IPython.core.shellapp import InteractiveShellApp, shell_aliases, shell_flags
from traitlets import Bool, Instance, Unicode, default
from traitlets.config import Config
from traitlets.config.application import catch_config_error

from assay.kernel.ipython._imports import guard_late_imports
from assay.kernel.ipython._profile import ipython_folder, profile_in_need
from assay.kernel.ipython._shell import ZMQInteractiveShell
from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host
    from assay.kernel.ipython._scope import Scope
    from assay.kernel.ipython.compat._kernel_facade import KernelFacade

__all__ = ["IPKernelApp", "print_options"]

logger = get_logger("assay.kernel")

HINT = " (--existing is for clients: jupyter console --existing FILE)"

PLACE_TRAITS = frozenset(
    {"ip", "transport", "shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"}
)
CONNECTION_TRAITS = {
    "IPKernelApp": PLACE_TRAITS,
    "ConnectionFileMixin": PLACE_TRAITS,
    "Session": frozenset({"key", "keyfile", "signature_scheme"}),
}
"""What the kernel needs to know before it reads any configuration."""

INLINE_BACKEND = "module://matplotlib_inline.backend_inline"


class IPKernelApp(BaseIPythonApplication, InteractiveShellApp):  # type: ignore[misc]  # untyped
    """Read the user's configuration and make the shell."""

    name = Unicode("ipython-kernel")
    description = Unicode("Assay: the IPython kernel")
    classes = (ZMQInteractiveShell, ProfileDir)
    aliases: ClassVar = {**base_aliases, **shell_aliases, "f": "IPKernelApp.connection_file"}
    flags: ClassVar = {**base_flags, **shell_flags}
    connection_file = Unicode(help="The file that says where to listen.").tag(config=True)
    # IPython's own has a fixed list, without what needs no loop; `enable_gui` judges any name.
    gui = Unicode(None, allow_none=True, help="As %gui: whose windows shall live.").tag(config=True)
    capture_fd_output = Bool(
        True, help="Show what C code and child processes write to descriptors 1 and 2."
    ).tag(config=True)

    shell = Instance(ZMQInteractiveShell, allow_none=True)

    @property
    def connection_dir(self) -> str:
        """Where the connection file is."""
        return os.path.dirname(self.connection_file)  # noqa: PTH120 - text, as it is known

    @property
    def kernel(self) -> KernelFacade:
        """What programs find as ``get_ipython().kernel``."""
        assert self.shell is not None
        return self.shell.kernel

    def __init__(
        self,
        host: Host,
        attach: Callable[[ZMQInteractiveShell], None],
        scope: Scope | None = None,
    ) -> None:
        self.host = host
        self._attach = attach
        self._scope = scope
        self._faults: set[str] = set()
        super().__init__()

    @catch_config_error
    def initialize(self, argv: list[str] | None = None) -> None:
        """Read command line, profile and configuration; make the shell and run startup code."""
        super().initialize(argv)
        self._warn_of_late_places()
        if not self.capture_fd_output:
            self.host.leave_descriptors()
        # Programs look for this section to find out whether they run in a kernel.
        path = self.host.connection_path
        found = str(path.absolute()) if path is not None else ""
        super().update_config(Config({"IPKernelApp": {"connection_file": found}}))
        if self.host.owns_process and not os.environ.get("MPLBACKEND"):
            os.environ["MPLBACKEND"] = INLINE_BACKEND
        self.init_shell()
        # Not before all that the kernel needs has been imported: a file in the working directory
        # that is named like one of those modules must not be taken for it.
        self.init_path()
        self.init_gui_pylab()
        self.init_extensions()
        if self._scope is None:  # what start-up code defines is not to be among a program's names
            self.init_code()
        sys.stdout.flush()
        sys.stderr.flush()

    def _warn_of_late_places(self) -> None:
        """Name what a configuration file says of the connection: the sockets are bound by now."""
        late = [
            f"c.{section}.{name}"
            for section, names in CONNECTION_TRAITS.items()
            for name in self.config.get(section, {})
            if name in names
        ]
        if late:
            logger.warning(
                "%s: no effect in a configuration file; wanted on the command line, such as "
                "--ip=ADDRESS or --Session.keyfile=PATH",
                ", ".join(late),
            )

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read *argv*; making the parser takes 6 ms, and there is rarely anything to read."""
        if not argv:
            return
        from assay.kernel.ipython._options import sort_options  # noqa: PLC0415 - see above

        options = sort_options(argv, self.aliases, self.flags)
        if options.lacking:
            logger.warning(
                "options that want a value, such as --gui=tk, and have none: %s",
                ", ".join(options.lacking),
            )
        # Seen: `jupyter run` hands the names of its scripts on to the kernel.
        is_launched = bool(os.environ.get("JPY_PARENT_PID"))
        unknown = options.unknown + (() if is_launched else options.operands)
        if unknown:
            logger.warning(
                "options that this kernel does not know, and goes on without: %s%s",
                ", ".join(unknown),
                HINT if "--existing" in unknown else "",
            )
        if options.repeated:
            logger.warning(
                "options that stand there more than once, of which the last counts: %s",
                ", ".join(options.repeated),
            )
        # What is wrong, or the help, is for the person who started the process.
        with redirect_stdout(self.host.real_stderr), redirect_stderr(self.host.real_stderr):
            super().parse_command_line(list(options.known))

    def update_config(self, config: Config) -> None:
        """Take *config* in, but for values that make no sense; a kernel starts without them."""
        if config:
            from assay.kernel.ipython._values import take_out_wrong  # noqa: PLC0415 - rarely needed

            for fault in take_out_wrong(config):
                if fault not in self._faults:  # it comes from the command line more than once
                    self._faults.add(fault)
                    logger.warning("%s; the kernel goes on without it", fault)
        super().update_config(config)

    def init_gui_pylab(self) -> None:
        """Let the windows live that are asked for; say why if they cannot, and go on."""
        try:
            self._switch_gui_on()
        except Exception as error:  # noqa: BLE001 - matplotlib raises what a toolkit raises
            name = next(one for one in ("pylab", "matplotlib", "gui") if getattr(self, one))
            logger.warning(
                "--%s=%s: %s; the kernel goes on without it", name, getattr(self, name), error
            )

    def _switch_gui_on(self) -> None:
        shell = self.shell
        assert shell is not None
        if self.pylab:
            shell.enable_pylab(self.pylab, import_all=self.pylab_import_all)
        elif self.matplotlib:
            shell.enable_matplotlib(self.matplotlib)
        elif self.gui:
            shell.enable_gui(self.gui)

    @default("ipython_dir")
    def _ipython_dir_default(self) -> str:
        # Written to the process's own stderr: no client listens yet.
        return ipython_folder(super()._ipython_dir_default, self.host)

    def init_profile_dir(self) -> None:
        """Find the profile, or make it; do without what cannot be written."""
        try:
            super().init_profile_dir()
        except OSError as error:
            named = os.path.join(self.ipython_dir, f"profile_{self.profile}")  # noqa: PTH118 - text
            location = str(self.config.get("ProfileDir", {}).get("location", named))
            self.profile_dir = profile_in_need(location, error, self.config, self.host)
            self.config_file_paths.append(self.profile_dir.location)
            self.update_config(Config({"HistoryManager": {"hist_file": ":memory:"}}))
            self._in_init_profile_dir = False

    def get_default_logging_config(self) -> dict[str, Any]:
        """Log to the process's own stderr: no client listens yet when a configuration fails."""
        config: dict[str, Any] = super().get_default_logging_config()
        for handler in config.get("handlers", {}).values():
            handler["stream"] = self.host.real_stderr
        return config

    def init_crash_handler(self) -> None:
        """Do nothing: the kernel reports its own crashes."""

    def init_path(self) -> None:
        """Put the working directory before the site packages, behind the standard library.

        Spec: none. Seen: IPython leaves it out where Python was started with ``-P``, as this kernel
        is. Here: only the user's own PYTHONSAFEPATH counts.
        """
        if not self.host.owns_process:
            return
        if "" in sys.path or self.ignore_cwd or os.environ.get("PYTHONSAFEPATH"):
            return
        places = (
            i for i, p in enumerate(sys.path) if p.endswith(("site-packages", "dist-packages"))
        )
        sys.path.insert(next(places, 0), "")
        guard_late_imports()

    def _exec_file(self, fname: str, shell_futures: bool = False) -> None:
        """Run startup code; if it wants to exit, warn, and go on."""
        try:
            super()._exec_file(fname, shell_futures)
        except SystemExit:
            self.log.warning("%s wanted to exit", fname)
            assert self.shell is not None
            self.shell.showtraceback()

    def init_shell(self) -> None:
        """Make the shell."""
        if (scope := self._scope) is not None:
            scope.enter()
        self.shell = ZMQInteractiveShell.instance(
            parent=self,
            profile_dir=self.profile_dir,
            ipython_dir=self.ipython_dir,
            user_module=scope.module if scope is not None else None,
            user_ns=scope.names if scope is not None else None,
        )
        self.shell.is_within_module = scope is not None and scope.is_within_module
        self._attach(self.shell)
        self.shell.configurables.append(self)


def print_options() -> None:
    """Print what the command line and configuration files may set, as ``--help-all`` asks."""
    nobody = cast("Host", None)  # a kernel of which nothing is asked
    IPKernelApp(nobody, lambda _: None).print_help(classes=True)
