"""The specification as values: requirements, errata, schemas and byte vectors.

The files themselves are beside this package, for programs in any language, and are described in
``docs/spec-format.md``::

    importlib.resources.files("assay.spec") / "data" / "requirements.toml"

Needs neither sockets nor a shell. Files are read when they are first asked for, and once.
"""

from assay.spec._errors import SpecError, UnknownNameError
from assay.spec._files import data_folder
from assay.spec._register import (
    Area,
    Erratum,
    Requirement,
    areas,
    entry,
    errata,
    erratum,
    features,
    requirement,
    requirements,
)
from assay.spec._schemas import (
    Profile,
    Schema,
    message_schema,
    schema,
    schema_names,
    schema_version,
    versions,
)
from assay.spec._vectors import Vector, VectorFile, vector, vectors

__all__ = [
    "Area",
    "Erratum",
    "Profile",
    "Requirement",
    "Schema",
    "SpecError",
    "UnknownNameError",
    "Vector",
    "VectorFile",
    "areas",
    "data_folder",
    "entry",
    "errata",
    "erratum",
    "features",
    "message_schema",
    "requirement",
    "requirements",
    "schema",
    "schema_names",
    "schema_version",
    "vector",
    "vectors",
    "versions",
]
