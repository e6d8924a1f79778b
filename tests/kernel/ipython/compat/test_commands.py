"""Shell commands with any text under an ASCII locale (public report 12)."""

from __future__ import annotations

from pathlib import Path

from tests.kernel._kernels import HANG_LIMIT_S, execute, result, start

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def test_commands_take_any_text_under_an_ascii_locale(tmp_path: Path) -> None:
    """They are run, and what they write is shown and returned; variables are expanded."""
    with start(tmp_path, env=ASCII) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        assert result(execute(client, "__import__('sys').getfilesystemencoding()")) == "'ascii'"

        shown = execute(client, "word = 'é'\n!echo é $word")
        returned = execute(client, "found = !echo é {word}\nlist(found)")
        inner = execute(client, "def run(it):\n    !echo $it\nrun('ü')")

    assert shown.text().splitlines() == ["é é"]
    assert result(returned) == "['é é']"
    assert inner.text().splitlines() == ["ü"]
