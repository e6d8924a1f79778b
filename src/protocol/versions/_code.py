"""Questions about code: completion and inspection, where line and cursor change their meaning.

Old versions know a single line and, for inspection, a name that the client has found in it. 5.5
knows the whole cell and a place in it.
"""

from __future__ import annotations

import re

from assay.protocol.versions._bundles import PLAIN, plain_text
from assay.protocol.versions._draft import Draft
from assay.protocol.versions._memory import AskedComplete, AskedInspect
from assay.protocol.versions._reading import (
    fault,
    read_flag,
    read_integer,
    read_object,
    read_text,
    read_texts,
)
from assay.protocol.wire._json import Json

__all__ = [
    "OBJECT_INFO_FIELDS",
    "lower_complete_reply",
    "lower_complete_request",
    "lower_inspect_reply",
    "lower_inspect_request",
    "raise_complete_reply",
    "raise_complete_request",
    "raise_inspect_reply",
    "raise_inspect_request",
]

OBJECT_INFO_FIELDS = (
    "name",
    "found",
    "ismagic",
    "isalias",
    "isclass",
    "namespace",
    "type_name",
    "base_class",
    "string_form",
    "length",
    "file",
    "definition",
    "argspec",
    "init_definition",
    "call_def",
    "docstring",
    "init_docstring",
    "class_docstring",
    "call_docstring",
    "source",
)
"""The keys of every object_info_reply, null where the kernel does not know."""

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_NAME = re.compile(r"[^\W\d][\w.]*")


# Completion


def raise_complete_request(draft: Draft) -> None:
    """Make the line the code; old kernels found a missing cursor by themselves, so do we."""
    content = draft.content
    text = read_text(content, "text", "")
    code = read_text(content, "line", "") or text
    cursor = content.get("cursor_pos")
    if not isinstance(cursor, int) or isinstance(cursor, bool):
        cursor = len(text) or len(code)
    if cursor < 0:
        raise fault("cursor_pos", "no negative number", cursor)
    cursor = min(cursor, len(code))
    # The block's offset in the code was never sent, so it cannot be used.
    unused = {"text": text, "block": content.get("block")}
    draft.content = {"code": code, "cursor_pos": cursor}
    if any(unused.values()):
        draft.keep(**unused)
    draft.noted = AskedComplete(code=code, cursor=cursor)


def lower_complete_request(draft: Draft) -> None:
    """Send the line with the cursor in it, and remember where it stood in the code."""
    code, cursor = _code_and_cursor(draft.content)
    start = code.rfind("\n", 0, cursor) + 1
    end = code.find("\n", cursor) + 1 or len(code)
    text, block = draft.kept("text"), draft.kept("block")
    draft.content = {
        "text": text if isinstance(text, str) else "",
        "line": code[start:end],
        "block": block if isinstance(block, str) else None,
        "cursor_pos": cursor - start,
    }
    draft.noted = AskedComplete(code=code, cursor=cursor)


def raise_complete_reply(draft: Draft) -> None:
    """Find the place of the matches from the cursor of the request (COMPLETE-06)."""
    content = draft.content
    if draft.failed:
        return
    asked = draft.asked
    matches: list[Json] = [*read_texts(content, "matches")]
    matched_text = read_text(content, "matched_text", "")
    if not isinstance(asked, AskedComplete):
        # Any place would be a guess, and a wrong one would spoil the user's code.
        draft.content = {
            "status": "error",
            "ename": "RequestForgotten",
            "evalue": "the place of a completion is known only with its request",
            "traceback": [],
        }
        return
    draft.content = {
        "status": "ok",
        "matches": matches,
        "cursor_start": max(0, asked.cursor - len(matched_text)),
        "cursor_end": asked.cursor,
        "metadata": {},
    }


def lower_complete_reply(draft: Draft) -> None:
    """Say what of the line the matches replace; old clients replace only up to the cursor."""
    content = draft.content
    if draft.failed:
        draft.content = {"status": "ok", "matches": [], "matched_text": ""}
        return
    matches = read_texts(content, "matches")
    start = read_integer(content, "cursor_start")
    end = read_integer(content, "cursor_end")
    if not 0 <= start <= end:
        raise fault("cursor_start", "0 to cursor_end", start)
    asked = draft.asked
    if isinstance(asked, AskedComplete):
        inserted = [_inserted(asked, start, end, match) for match in matches]
        matches = [match for match in inserted if match is not None]
        matched_text = asked.code[start : asked.cursor]
    else:
        matched_text = matches[0][: end - start] if matches else ""
    draft.content = {"status": "ok", "matches": [*matches], "matched_text": matched_text}


def _inserted(asked: AskedComplete, start: int, end: int, match: str) -> str | None:
    """Return what an old client has to insert at the cursor to get what 5.5 means.

    It removes the matched text, which ends at the cursor, and keeps all behind the cursor. None if
    no insertion gives the wanted code, as when `end` lies behind the cursor and *match* does not
    happen to end with what stands there.
    """
    code, cursor = asked.code, asked.cursor
    kept = code[cursor:]
    wanted = f"{code[:start]}{match}{code[end:]}"[min(start, cursor) :]
    return wanted.removesuffix(kept) if wanted.endswith(kept) else None


# Inspection


def raise_inspect_request(draft: Draft) -> None:
    """Make the name the code; the document of 0.13 calls it ``name``, its clients ``oname``."""
    content = draft.content
    oname = read_text(content, "oname" if "oname" in content else "name")
    level = read_integer(content, "detail_level", 0)
    if level > 1:
        draft.keep(detail_level=level)
    if _name_at(oname, len(oname)) != oname:
        draft.keep(oname=oname)
    draft.content = {
        "code": oname,
        "cursor_pos": len(oname),
        "detail_level": int(level >= 1),
    }
    draft.noted = AskedInspect(oname=oname)


def lower_inspect_request(draft: Draft) -> None:
    """Find the name at the cursor: old kernels are asked for a name, not for a place."""
    code, cursor = _code_and_cursor(draft.content)
    kept = draft.kept("oname")
    oname = kept if isinstance(kept, str) else _name_at(code, cursor)
    level, kept = read_integer(draft.content, "detail_level", 0), draft.kept("detail_level")
    draft.content = {"oname": oname, "detail_level": kept if isinstance(kept, int) else level}
    draft.noted = AskedInspect(oname=oname)


def raise_inspect_reply(draft: Draft) -> None:
    """Make a bundle of signature and docstring; the other fields are kept beside it."""
    content = draft.content
    if draft.failed:
        return
    found = read_flag(content, "found", default=False)
    draft.keep(object_info={name: content.get(name) for name in OBJECT_INFO_FIELDS})
    lines = []
    for names in (
        ("call_def", "init_definition", "definition"),
        ("call_docstring", "init_docstring", "docstring"),
    ):
        lines += [text for name in names if (text := read_text(content, name, ""))][:1]
    data: dict[str, Json] = {PLAIN: "\n".join(lines) or "<empty docstring>"} if found else {}
    draft.content = {"status": "ok", "found": found, "data": data, "metadata": {}}


def lower_inspect_reply(draft: Draft) -> None:
    """Give all twenty keys; a kernel that knows more than a text says it in the metadata."""
    content = draft.content
    data = {} if draft.failed else read_object(content, "data")
    found = not draft.failed and read_flag(content, "found", default=bool(data))
    info: dict[str, Json] = dict.fromkeys(OBJECT_INFO_FIELDS)
    if isinstance(draft.asked, AskedInspect):
        info["name"] = draft.asked.oname
    kept = draft.kept("object_info")
    if isinstance(kept, dict):
        info.update({name: kept[name] for name in OBJECT_INFO_FIELDS if name in kept})
    elif found:
        info["docstring"] = _ANSI.sub("", plain_text(data))
    info["name"] = read_text(info, "name", "")
    info["found"] = found
    draft.content = info


def _code_and_cursor(content: dict[str, Json]) -> tuple[str, int]:
    """Return code and cursor of a 5.5 request; past the end and null are the end (AMB-59)."""
    code = read_text(content, "code")
    cursor = read_integer(content, "cursor_pos", len(code)) if "cursor_pos" in content else None
    if cursor is None:
        cursor = len(code)
    if cursor < 0:
        raise fault("cursor_pos", "no negative number", cursor)
    return code, min(cursor, len(code))


def _name_at(code: str, cursor: int) -> str:
    """Return the dotted name at *cursor*; inside a call's parentheses that of the function.

    As the notebooks of IPython 2 did it: calls that are closed are skipped, and so is what stands
    behind the last open parenthesis. Reads the line once, whatever is in it.
    """
    start = code.rfind("\n", 0, cursor) + 1
    while cursor < len(code) and (code[cursor].isalnum() or code[cursor] == "_"):
        cursor += 1
    levels: list[list[str]] = [[]]
    for character in code[start:cursor]:
        if character == "(":
            levels.append([])
        elif character == ")" and len(levels) > 1:
            levels.pop()
        else:
            levels[-1].append(character)
    for level in (*levels[-2::-1], levels[-1]):
        names = _NAME.findall("".join(level))
        if names:
            return str(names[-1])
    return ""
