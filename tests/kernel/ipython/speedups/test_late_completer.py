"""The completer, which is made when something asks for it."""

from __future__ import annotations

import pytest

from assay.protocol import CompleteReply, CompleteRequest
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S, execute, succeeded, value

IS_MADE = "'IPython.core.completer' in __import__('sys').modules"


def completed(client: Client, code: str) -> tuple[str, ...]:
    """Return what may stand at the end of *code*."""
    answer = client.request(CompleteRequest(code=code, cursor_pos=len(code)), timeout=HANG_LIMIT_S)
    assert isinstance(answer.content, CompleteReply)
    return answer.content.matches


def test_completer_is_made_for_the_first_completion(mine: Client) -> None:
    """A kernel that nobody has asked to complete has not imported what does."""
    assert value(mine, IS_MADE) == "False"
    assert "print" in completed(mine, "prin")
    assert value(mine, IS_MADE) == "True"


@pytest.mark.parametrize(
    "code",
    [
        "get_ipython().Completer",
        "get_ipython().complete('prin')",
        "get_ipython().set_completer_frame()",
        "%config IPCompleter.use_jedi",
        "get_ipython().set_hook('complete_command', print, str_key='other')",
    ],
)
def test_whoever_asks_for_the_completer_finds_it(mine: Client, code: str) -> None:
    """A program, a magic and a hook find it as they do in IPython."""
    succeeded(execute(mine, code))
    assert value(mine, IS_MADE) == "True"


def test_hooks_of_ipython_come_first(mine: Client) -> None:
    """A hook for a command that IPython completes is asked behind IPython's."""
    code = "get_ipython().set_hook('complete_command', lambda *_: ['mine'], str_key='import')"
    succeeded(execute(mine, code))
    assert "decimal" in completed(mine, "import decima")


def test_what_is_configured_before_holds(mine: Client) -> None:
    """A setting of the completer reaches one that is made later."""
    succeeded(execute(mine, "get_ipython().config.IPCompleter.use_jedi = False"))
    assert value(mine, IS_MADE) == "False"
    assert value(mine, "get_ipython().Completer.use_jedi") == "False"


def test_a_file_of_a_modules_name_does_not_hide_it(mine: Client) -> None:
    """What a cell has put first on the path is not imported in the place of what is needed."""
    code = (
        "import sys, tempfile, pathlib\nfolder = pathlib.Path(tempfile.mkdtemp())\n"
        "for name in sys.stdlib_module_names - sys.modules.keys() | {'glob', 'IPython'}:\n"
        "    (folder / f'{name}.py').write_text('raise ImportError')\n"
        "sys.path.insert(0, str(folder))"
    )
    succeeded(execute(mine, f"{code}\nget_ipython().Completer\nsys.path.remove(str(folder))"))
