"""A tree of what can be known by looking, made of tokens: for a Python whose parser cannot be used.

Python before 3.11.8 counts in one place, for all threads, how deep it is in the tree that it makes
of code (cpython#106905). A thread that parses while another one does makes that one fail, with a
SystemError in the user's cell. To compile code, and to make a symbol table of it, makes no tree.

So the tree is made here, as far as `_looking` evaluates one: names, attributes, items, calls
without their arguments, constants, and displays without their parts. What else a statement binds is
in the tree as a name alone.
"""

from __future__ import annotations

import ast
import io
import keyword
import symtable
import sys
import token
import tokenize
from collections.abc import Iterator, Sequence

__all__ = ["SHARES_DEPTH", "sketch"]

SHARES_DEPTH = sys.version_info < (3, 11, 8)

OPENING, CLOSING = ("(", "[", "{"), (")", "]", "}")

IGNORED = {token.COMMENT, token.NL, token.INDENT, token.DEDENT, token.ENDMARKER}

CONSTANTS = {"None": None, "True": True, "False": False, "...": ...}

Tokens = Sequence[tokenize.TokenInfo]


def sketch(code: str, name: str, mode: str) -> ast.AST:
    """Return a tree of *code*: of what can be known, and of all that it binds.

    Args:
        code: A program, or an expression.
        name: Of the file that it claims to be from.
        mode: ``exec`` or ``eval``, as for `compile`.

    Raises:
        SyntaxError: no other error than what `compile` raises.
    """
    compile(code, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    try:
        tokens = [*tokenize.generate_tokens(io.StringIO(code).readline)]
    except tokenize.TokenError as error:  # it knows less than the compiler
        raise SyntaxError(str(error)) from error
    statements = [*_statements(tokens)]
    if mode == "eval":
        return ast.Expression(body=_expression(statements[0] if statements else ()))
    known = [one for statement in statements for one in _known(statement)]
    names = sorted(_bound(symtable.symtable(code, name, mode)))
    rest = [ast.Expr(value=ast.Name(id=one, ctx=ast.Store())) for one in names]
    return ast.Module(body=[*known, *rest], type_ignores=[])


def _bound(table: symtable.SymbolTable) -> set[str]:
    symbols = table.get_symbols()
    names = {one.get_name() for one in symbols if one.is_assigned() or one.is_parameter()}
    names = {one for one in names if one.isidentifier()}  # a comprehension has parameters as well
    return names.union(*map(_bound, table.get_children()))


def _statements(tokens: Tokens) -> Iterator[Tokens]:
    statement: list[tokenize.TokenInfo] = []
    for one in tokens:
        if one.type == token.NEWLINE or one.string == ";":
            if statement:
                yield statement
            statement = []
        elif one.type not in IGNORED:
            statement.append(one)


def _known(tokens: Tokens) -> Iterator[ast.stmt]:
    """Yield what a statement binds, if more than the name can be known."""
    first, second, *_ = [*(one.string for one in tokens), "", ""]
    if first == "async":
        yield from _known(tokens[1:])
    elif first == "def":
        arguments = ast.arguments([], [], None, [], [], None, [])
        yield ast.FunctionDef(name=second, args=arguments, body=[], decorator_list=[])
    elif first == "class":
        yield ast.ClassDef(name=second, bases=[], keywords=[], body=[], decorator_list=[])
    elif first == "import":
        yield ast.Import(names=_aliases(tokens[1:]))
    elif first == "from":
        at = [one.string for one in tokens].index("import")
        module = "".join(one.string for one in tokens[1:at])
        if not module.startswith("."):
            yield ast.ImportFrom(module=module, names=_aliases(tokens[at + 1 :]), level=0)
    elif tokens[0].type == token.NAME and not keyword.iskeyword(first):
        yield from _assigned(ast.Name(id=first, ctx=ast.Store()), tokens[1:])


def _aliases(tokens: Tokens) -> list[ast.alias]:
    bare = [one for one in tokens if one.string not in OPENING + CLOSING]
    aliases = []
    for part in _split(bare, ","):
        texts = [one.string for one in part]
        at = texts.index("as") if "as" in texts else len(texts)
        aliases.append(ast.alias("".join(texts[:at]), "".join(texts[at + 1 :]) or None))
    return [one for one in aliases if one.name]


def _assigned(target: ast.Name, tokens: Tokens) -> Iterator[ast.stmt]:
    parts = _split(tokens, "=")
    if len(parts) == 2 and not parts[0]:
        yield ast.Assign(targets=[target], value=_expression(parts[1]))
    elif parts[0] and parts[0][0].string == ":":
        annotation = _expression(parts[0][1:])
        yield ast.AnnAssign(target=target, annotation=annotation, value=None, simple=1)


def _split(tokens: Tokens, separator: str) -> list[list[tokenize.TokenInfo]]:
    """Return the parts of *tokens* between those separators that stand in no brackets."""
    parts: list[list[tokenize.TokenInfo]] = [[]]
    depth = 0
    for one in tokens:
        is_operator = one.type == token.OP
        depth += (is_operator and one.string in OPENING) - (is_operator and one.string in CLOSING)
        if one.string == separator and not depth:
            parts.append([])
        else:
            parts[-1].append(one)
    return parts


def _unknown() -> ast.expr:
    return ast.Await(value=ast.Constant(value=None))


def _expression(tokens: Tokens) -> ast.expr:
    """Return the tree of an expression, without those of its parts that are not looked at."""
    if not tokens:
        return _unknown()
    if tokens[0].string == "lambda":
        return ast.Lambda(args=ast.arguments([], [], None, [], [], None, []), body=_unknown())
    if len(_split(tokens, ",")) > 1:
        return ast.Tuple(elts=[], ctx=ast.Load())
    if tokens[0].string == "-" and len(tokens) == 2 and tokens[1].type == token.NUMBER:
        return ast.UnaryOp(op=ast.USub(), operand=_constant(tokens[1:]))
    tree, at = _atom(tokens)
    while at < len(tokens):
        sign = tokens[at].string
        end = _closing(tokens, at)
        if sign == "." and tokens[at - 1].type != token.NUMBER:
            tree = ast.Attribute(value=tree, attr=tokens[at + 1].string, ctx=ast.Load())
            end = at + 1
        elif sign == "(":
            tree = ast.Call(func=tree, args=[], keywords=[])
        elif sign == "[":
            index = _expression(tokens[at + 1 : end])
            tree = ast.Subscript(value=tree, slice=index, ctx=ast.Load())
        else:
            return _unknown()
        at = end + 1
    return tree


def _atom(tokens: Tokens) -> tuple[ast.expr, int]:
    """Return the atom that *tokens* begin with, and how many of them it is."""
    first = tokens[0]
    if first.string in CONSTANTS:
        return ast.Constant(value=CONSTANTS[first.string]), 1
    if first.type == token.NAME and not keyword.iskeyword(first.string):
        return ast.Name(id=first.string, ctx=ast.Load()), 1
    if first.type == token.NUMBER:
        return _constant(tokens[:1]), 1
    if first.type == token.STRING:
        end = next((n for n, one in enumerate(tokens) if one.type != token.STRING), len(tokens))
        return _constant(tokens[:end]), end
    if first.string in OPENING:
        end = _closing(tokens, 0)
        return _display(first.string, tokens[1:end]), end + 1
    return _unknown(), len(tokens)


def _constant(tokens: Tokens) -> ast.expr:
    text = " ".join(one.string for one in tokens)
    if any("f" in one.string.partition(one.string[-1])[0].lower() for one in tokens):
        return ast.JoinedStr(values=[])
    # What a constant is compiled to holds it, whatever it is.
    return ast.Constant(value=compile(text, "<assay looks>", "eval").co_consts[0])


def _display(opening: str, tokens: Tokens) -> ast.expr:
    is_comprehension = len(_split(tokens, "for")) > 1
    if opening == "[":
        return ast.List(elts=[], ctx=ast.Load())
    if opening == "{":
        is_dict = not tokens or tokens[0].string == "**" or len(_split(tokens, ":")) > 1
        return ast.Dict(keys=[], values=[]) if is_dict else ast.Set(elts=[])
    if is_comprehension:
        return ast.GeneratorExp(elt=_unknown(), generators=[])
    return _expression(tokens) if tokens else ast.Tuple(elts=[], ctx=ast.Load())


def _closing(tokens: Tokens, at: int) -> int:
    """Return where the bracket closes that opens at *at*; *at* if none does."""
    depth = 0
    for end in range(at, len(tokens)):
        if tokens[end].type == token.OP:
            depth += (tokens[end].string in OPENING) - (tokens[end].string in CLOSING)
        if not depth:
            return end
    return at
