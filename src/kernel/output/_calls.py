"""What an empty text means: the end of what one call writes, or nothing.

`print` writes each argument, what stands between them, and the end of the line. With ``end=""`` the
last of these is empty, and says that the line may be shown as it is, and that others may write into
it. An empty argument or ``sep=""`` says nothing: more of the same call follows. The texts are the
same, so the call is looked at in the source.
"""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from itertools import islice
from types import CodeType

__all__ = ["may_be_end"]

CALLS = 64
"""Of which the answer is kept."""


@lru_cache(CALLS)
def may_be_end(code: CodeType, instruction: int) -> bool:
    """Return False if an empty text of a call is neither its last one nor meant to part the line.

    Args:
        code: Of the function that calls.
        instruction: Where the call stands in it, in bytes (`frame.f_lasti`).

    Returns:
        True as well where the source is not known.
    """
    call = _call(code, instruction)
    match call.func if call is not None else None:
        case ast.Name(id="print"):
            assert call is not None
            return any(_may_be_empty_end(keyword) for keyword in call.keywords)
        case ast.Attribute(attr="write"):
            return False
    return True


def _may_be_empty_end(keyword: ast.keyword) -> bool:
    if keyword.arg not in {None, "end"}:
        return False
    return not (isinstance(keyword.value, ast.Constant) and keyword.value.value != "")


def _call(code: CodeType, instruction: int) -> ast.Call | None:
    at = next(islice(code.co_positions(), instruction // 2, None), (None, None, None, None))
    first, last, begin, end = at
    if first is None or last is None or begin is None or end is None:
        return None
    lines = [line.encode() for line in linecache.getlines(code.co_filename)[first - 1 : last]]
    if len(lines) != last - first + 1:
        return None
    lines[-1] = lines[-1][:end]  # first, since both may be one line
    lines[0] = lines[0][begin:]
    try:
        expression = ast.parse(b"(%s)" % b"".join(lines), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return expression if isinstance(expression, ast.Call) else None
