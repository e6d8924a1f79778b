"""Build the wheel, install it in an environment of its own, start a kernel, read the spec there."""

import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXPECTED = "1 + 1 is 2"


def run(*command: object, cwd: Path) -> str:
    """Run *command*; return what it printed."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def main() -> None:
    """Fail unless a kernel from the wheel runs code."""
    # The child is ended and the folder removed as after any other fault.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
        (wheel,) = folder.glob("*.whl")
        environment = folder / "environment"
        venv.create(environment)
        python = environment / "bin" / "python"
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
        what = ("--constraint", ROOT / "constraints.txt", wheel)
        run(*pip, "install", "--quiet", *what, cwd=folder)
        code = "print('1 + 1 is', 1 + 1)"
        printed = run(python, "-m", "assay", "run", "-c", code, cwd=folder).strip()
        if printed != EXPECTED:
            sys.exit(f"the kernel of {wheel.name}: wanted {EXPECTED!r}, found {printed!r}")
        run(python, "-m", "assay", "spec", "show", "EXEC-20", cwd=folder)
        run(python, "-m", "assay", "spec", "schema", "execute_request", cwd=folder)
        run(python, "-m", "assay", "new-kernel", "chess", cwd=folder)
        print(f"{wheel.name}: installs, starts a kernel, runs code, holds the specification")


if __name__ == "__main__":
    main()
