"""Which values of a configuration make no sense.

traitlets ends the process at the first. A kernel that starts without it, and says so, is of more
use: what is in a profile was written long ago, and a client that waits for a kernel does not see
why none comes.
"""

from __future__ import annotations

from collections.abc import Mapping

from IPython.utils import PyColorize
from traitlets import HasTraits, TraitType
from traitlets.config import Config
from traitlets.config.loader import DeferredConfig, LazyConfigValue

from assay.kernel.ipython._options import traits_by_class

__all__ = ["take_out_wrong"]

MAX_SHOWN = 60
"""Characters of a value."""


def take_out_wrong(config: Config) -> list[str]:
    """Remove from *config* what traits refuse; return what was wrong, a line for each.

    What belongs to a class that is not imported stays: it is found when that is used.
    """
    traits = traits_by_class()
    wrong = [
        (section, name, fault)
        for section, values in config.items()
        if isinstance(values, Config)
        for name, value in values.items()
        if (trait := traits.get(section, {}).get(name)) is not None
        if (fault := _fault(name, trait, value))
    ]
    for section, name, _ in wrong:
        del config[section][name]
    return [f"{section}.{name}: {fault}" for section, name, fault in wrong]


def _fault(name: str, trait: TraitType[object, object], value: object) -> str:
    """Return what is wrong with *value*; empty if nothing is."""
    if isinstance(value, LazyConfigValue):  # it changes what there is
        return ""
    choices = _choices(name)
    try:
        if isinstance(value, DeferredConfig):  # of a command line: text that the trait reads
            value = value.get_value(trait)
        trait._validate(HasTraits(), value)
        is_choice = not choices or str(value).lower() in choices
    except Exception:  # noqa: BLE001 - a trait that looks into a value may trip over it in any way
        wanted = trait.info()
    else:
        if is_choice:
            return ""
        wanted = f"one of {', '.join(sorted(choices))}"
    return f"wanted {wanted}, found {_shown(value)}"


def _choices(name: str) -> Mapping[str, object]:
    """Return what IPython takes for *name*, where its trait takes any text."""
    table: Mapping[str, object] = PyColorize.theme_table
    return table if name == "colors" else {}


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a configuration file is a program, and may have any class
        text = f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
