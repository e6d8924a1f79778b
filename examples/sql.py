"""A kernel for SQL, on SQLite: ``python examples/sql.py -f CONNECTION_FILE [DATABASE]``.

Tables are shown as HTML and as text; names of tables, columns and keywords are completed; a table
is described; a query that takes for ever can be interrupted. Without a DATABASE it is in memory.
"""

import html
import sqlite3
import sys
from collections.abc import Iterable, Sequence

from assay.kernel import Bundle, Cell, CellError, Completeness, Language

ROWS = 500
"""Of a result, shown."""

KEYWORDS = """ALTER AND AS ASC BETWEEN BY CASE CREATE DELETE DESC DISTINCT DROP ELSE END EXISTS FROM
GROUP HAVING IN INDEX INNER INSERT INTO IS JOIN LEFT LIKE LIMIT NOT NULL ON OR ORDER PRIMARY SELECT
SET TABLE THEN UNION UNIQUE UPDATE VALUES VIEW WHEN WHERE WITH"""


class Sql(Language):
    """Statements, each with its semicolon; the last may do without."""

    name = "sql"
    version = sqlite3.sqlite_version
    file_extension = ".sql"
    mimetype = "text/x-sql"
    implementation = "assay-sql"
    banner = f"SQLite {sqlite3.sqlite_version}. Statements end with a semicolon.\n"
    codemirror_mode = "sql"
    help_links = {"SQLite": "https://www.sqlite.org/lang.html"}
    errors = (sqlite3.Error, sqlite3.Warning)

    def start(self) -> None:
        """Open the database."""
        path = self.arguments[0] if self.arguments else ":memory:"
        self.database = sqlite3.connect(path, isolation_level=None)

    def close(self) -> None:
        """Close it."""
        self.database.close()

    def interrupt(self) -> None:
        """End the query that runs; called in another thread."""
        self.database.interrupt()

    def execute(self, cell: Cell) -> Bundle | None:
        """Run the statements; show each table, the last as the result."""
        shown: Bundle | None = None
        for statement in statements(cell.code):
            if shown is not None:
                self.display(shown)
            shown = self.run(statement)
        return shown

    def run(self, statement: str) -> Bundle | None:
        """Run one statement and return its table, if it has one."""
        cursor = self.database.execute(statement)
        if cursor.description is None:
            if cursor.rowcount >= 0:
                print(f"{cursor.rowcount} row{'s' * (cursor.rowcount != 1)} changed")
            return None
        rows = cursor.fetchmany(ROWS + 1)
        return table([column[0] for column in cursor.description], rows)

    def evaluate(self, expression: str) -> str:
        """Return the value of an expression."""
        return text(self.database.execute(f"SELECT {expression}").fetchone()[0])

    def complete(self, code: str, cursor_pos: int) -> Iterable[str]:
        """Return all names."""
        tables = self.tables()
        columns = {str(column[1]) for name in tables for column in self.columns(name)}
        return [*tables, *sorted(columns), *KEYWORDS.split()]

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> Bundle | None:
        """Describe the table at the cursor: its columns; with more detail, how it was made."""
        name = self.word_at(code, cursor_pos)
        columns = self.columns(name)
        if not columns:
            return None
        if detail_level:
            query = "SELECT sql FROM sqlite_schema WHERE lower(name) = lower(?)"
            return str(self.database.execute(query, [name]).fetchone()[0])
        keys = ["", " (primary key)"]
        return table(
            ["column", "type"],
            [(column[1], f"{column[2]}{keys[bool(column[5])]}") for column in columns],
        )

    def is_complete(self, code: str) -> Completeness:
        """Ask for more until there is a semicolon."""
        return "complete" if sqlite3.complete_statement(code) else "incomplete"

    def is_blank(self, code: str) -> bool:
        """Return True if there are only comments and white space."""
        return is_comment(code)

    def tables(self) -> list[str]:
        """Return the names of tables and views."""
        query = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"
        return [row[0] for row in self.database.execute(query)]

    def columns(self, name: str) -> list[tuple[object, ...]]:
        """Return what SQLite knows of the columns of a table; nothing if there is none."""
        return self.database.execute("SELECT * FROM pragma_table_info(?)", [name]).fetchall()


def statements(code: str) -> list[str]:
    """Return the statements in *code*, without those that are only comments."""
    found, begun = [], ""
    for piece in f"{code}\n;".split(";"):
        begun += f"{piece};"
        if sqlite3.complete_statement(begun):
            found.append(begun)
            begun = ""
    if not is_comment(begun):
        raise CellError("SyntaxError", f"this does not end: {begun.rstrip(';').strip()[:60]}")
    return [one for one in found if not is_comment(one)]


def is_comment(statement: str) -> bool:
    """Return True if nothing but comments and semicolons stand in *statement*."""
    rest = statement
    while rest := rest.lstrip("; \n\t\r"):
        begins, ends = ("--", "\n") if rest.startswith("--") else ("/*", "*/")
        if not rest.startswith(begins):
            return False
        rest = rest.partition(ends)[2]
    return True


def table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Bundle:
    """Return a table as HTML and as text."""
    cut = rows[:ROWS]
    note = f"only the first {ROWS} rows" if len(rows) > ROWS else ""
    cells = [[text(value) for value in row] for row in cut]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    lines = [
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in [names, ["-" * width for width in widths], *cells]
    ]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>{}</tr>".format("".join(f"<td>{html.escape(value)}</td>" for value in row))
        for row in cells
    )
    shown = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return {
        "text/plain": "\n".join([*lines, note] if note else lines),
        "text/html": f"{shown}<p>{note}</p>" if note else shown,
    }


def text(value: object) -> str:
    """Return a value as SQL shows it."""
    if isinstance(value, bytes):
        return f"x'{value[:20].hex()}'"
    return "NULL" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(Sql.main())
