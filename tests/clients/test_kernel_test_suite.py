"""The public suite of Jupyter kernel tests, with every optional part filled in."""

from typing import Any, ClassVar

# The suite has no types of its own, so nothing is known of its classes either.
from jupyter_kernel_test import (  # type: ignore[import-untyped]
    IopubWelcomeTests,
    KernelTests,
)

from tests.limits import HANG_LIMIT_S


class TestPublicSuite(KernelTests):  # type: ignore[misc]  # untyped base
    """What `jupyter_kernel_test` asks of a Python kernel."""

    kernel_name = "assay"

    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('error', file=sys.stderr)"
    completion_samples: ClassVar = [
        {"text": "zi", "matches": ["zip"]},
        {"text": "import itertools; itertools.zip_l", "matches": ["zip_longest"]},
        {"text": "'🙂'; impor", "matches": ["import"]},
        {"text": "%connect_in", "matches": ["%connect_info"]},
        {"text": "no_name_begins_like_this", "matches": []},
    ]
    complete_code_samples: ClassVar = [
        "1",
        "print('hello, world')",
        "f(\n  x\n)",
        "def f(x):\n    return x * 2\n\n\n",
        "%timeit 1",
        "%%bash\necho 1\n\n",
        "",
    ]
    incomplete_code_samples: ClassVar = [
        "print('''hello",
        "def f(x):\n    x * 2",
        "f(",
        "if True:",
        "a = [1,",
        "try:\n    pass",
    ]
    invalid_code_samples: ClassVar = ["import = 7q", "raise = 2", "a b"]
    code_page_something = "zip?"
    code_generate_error = "raise RuntimeError('as asked')"
    code_execute_result: ClassVar = [
        {"code": "1 + 2 + 3", "result": "6"},
        {"code": "[n * n for n in range(1, 4)]", "result": "[1, 4, 9]"},
        {"code": "'🙂'", "result": "'🙂'"},
        {
            "code": "from IPython.display import Markdown; Markdown('*x*')",
            "result": "*x*",
            "mime": "text/markdown",
        },
    ]
    code_display_data: ClassVar = [
        {
            "code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))",
            "mime": "text/html",
        },
        {
            "code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))",
            "mime": "text/latex",
        },
        {
            "code": "%matplotlib inline\n"
            "import matplotlib.pyplot as plt\n"
            "_ = plt.plot([1, 3, 2])\n"
            "plt.show()",
            "mime": "image/png",
        },
    ]
    code_history_pattern = "1 +*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    def execute_helper(self, code: str, timeout: float = HANG_LIMIT_S, **options: Any) -> Any:
        """Do as the suite does, with the patience of these tests: its own is 15 seconds."""
        return super().execute_helper(code, timeout, **options)


class TestPublicWelcome(IopubWelcomeTests):  # type: ignore[misc]  # untyped base
    """What `jupyter_kernel_test` asks of a kernel that greets its subscribers."""

    kernel_name = "assay"
    support_iopub_welcome = True


del KernelTests, IopubWelcomeTests  # pytest would run them too, on another kernel
