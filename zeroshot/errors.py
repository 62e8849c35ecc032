"""What a user can cause and repair. Anything else that is raised is a defect of the package."""

from __future__ import annotations

import errno
import math
import operator
import os
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


_NO_MEMORY = "free memory, or take a machine with more"
_REMEDIES = {
    errno.ENOMEM: _NO_MEMORY,
    errno.EMFILE: "raise the limit of open files: ulimit -n",
    errno.ENFILE: "close other programs: no process may open any more files",
    errno.EIO: "look at the disk, or at the network that it hangs on",
    errno.EACCES: "make it readable for you",
}
"""What to do about what a system says of itself, and of no file."""


class ZeroshotError(Exception):
    """One line that carries the value at fault, what was expected, and the remedy."""


class VideoError(ZeroshotError):
    """A video, an array of frames or a folder of frames cannot be read."""


class LabelError(ZeroshotError):
    """A list of labels, descriptions or templates cannot be used."""


class DatasetError(ZeroshotError):
    """A data set does not lie where, or as, it was looked for."""


class ModelError(ZeroshotError):
    """A model cannot be named, fetched, loaded or moved to the device asked for."""


class IndexFileError(ZeroshotError):
    """A saved label index cannot be read, or belongs to another model or other prompts."""


class ReportError(ZeroshotError):
    """A saved report cannot be read, or cannot be held against another."""


class OptionError(ZeroshotError):
    """A number or a word given as an option lies outside what is possible."""


class OutputError(ZeroshotError):
    """A result cannot be written where it was asked for."""


def require_whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:  # noqa: ANN401
    """A whole number that a user gave, as a plain integer.

    Args:
        name: what it is called.
        value: anything.
        least: that it may be.
        most: that it may be; None: there is no such bound.

    Raises:
        OptionError: it is none, or outside.
    """
    bounds = f"{least} or more" if most is None else f"{least} to {most:,}"
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise OptionError(f"{name} is {value!r}; expected a whole number, {bounds}")
    if number < least or (most is not None and number > most):
        raise OptionError(f"{name} is {number}; expected {bounds}")
    return number


def require_seed(seed: Any) -> int:  # noqa: ANN401
    """A seed that a user gave, as a plain integer: small enough for each puppet to have one of its own.

    Raises:
        OptionError: it is no whole number, or outside.
    """
    return require_whole("seed", seed, 0, 2**40 - 1)


def require_number(name: str, value: object, expected: str = "a number") -> None:
    """Refuse what is no finite number.

    Args:
        name: what it is called.
        value: anything.
        expected: what is, in words.

    Raises:
        OptionError: it is none: text, None, NaN, infinity.
    """
    is_real = hasattr(value, "__float__") and not isinstance(value, bool) and getattr(value, "ndim", 0) == 0
    if not (is_real and math.isfinite(float(value))):  # type: ignore[arg-type]
        raise OptionError(f"{name} is {value!r}; expected {expected}")


def require_texts(texts: Iterable[object]) -> None:
    """Refuse what is no text among texts.

    Raises:
        OptionError: one is none.
    """
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise OptionError(f"texts[{place}] is {text!r}; expected a list of strings")


def require_kinds(settings: Any) -> None:  # noqa: ANN401 - any dataclass
    """Refuse settings of a dataclass that are no numbers where its annotations ask for some.

    Args:
        settings: whose annotations are text, as `from __future__ import annotations` makes them.

    Raises:
        OptionError: one is text, or None where there has to be a number, or NaN or infinity.
    """
    for entry in fields(settings):
        kinds, value = str(entry.type).split(" | "), getattr(settings, entry.name)
        rest = ", or None" * ("None" in kinds)
        if value is None and rest:
            continue
        if "float" in kinds:
            require_number(entry.name, value, f"a number{rest}")
        elif "int" in kinds and (isinstance(value, bool) or not hasattr(value, "__index__")):
            raise OptionError(f"{entry.name} is {value!r}; expected a whole number{rest}")


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "label"), counted(1500, "label")
    ('1 label', '1,500 labels')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def told_apart(model: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    """How messages call two models, each a name and a fingerprint: digits only tell equal names apart.

    >>> told_apart(("ViT-B-32/openai", "0123456789abcdef"), ("ViT-B-16/openai", "fedcba9876543210"))
    ('ViT-B-32/openai', 'ViT-B-16/openai')
    >>> told_apart(("mine", "0123456789abcdef"), ("mine", "fedcba9876543210"))
    ('mine (0123456789ab)', 'mine (fedcba987654)')
    """
    (name, digits), (others_name, others_digits) = model, other
    if name != others_name:
        return printable(name), printable(others_name)
    return printable(f"{name} ({digits[:12]})"), printable(f"{others_name} ({others_digits[:12]})")


def printable(text: str | os.PathLike[str]) -> str:
    r"""A path or other foreign text as messages show it: on one line, whatever characters it is made of.

    >>> printable("a" + chr(10) + "b" + chr(27) + "[2J")
    'a\\nb\\x1b[2J'
    """
    joiners = "\u200d\ufe0f"  # parts of emoji
    kept = (char if char.isprintable() or char in joiners else ascii(char)[1:-1] for char in os.fspath(text))
    return "".join(kept)


def one_line(error: BaseException) -> str:
    """The start of a library's error, on one line."""
    words = " ".join(str(error).split()) or type(error).__name__
    text = "".join(letter if letter.isprintable() else "?" for letter in words[:400])
    return text if len(text) <= 160 else text[:159] + "…"


def remedy_of_machine(error: BaseException) -> str:
    """What to do where it is the machine that is at fault, and not what is in a file; "" where it is not so.

    Libraries wrap what the system says in errors of their own, so their words count, too.

    >>> remedy_of_machine(RuntimeError("unable to mmap 9 bytes: Cannot allocate memory (12)"))
    'free memory, or take a machine with more'
    >>> remedy_of_machine(ValueError("no number"))
    ''
    """
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    if getattr(error, "errno", None) in _REMEDIES:
        return _REMEDIES[getattr(error, "errno", 0)]
    text = str(error).casefold()
    if "allocate memory" in text or "out of memory" in text:
        return _NO_MEMORY
    return next((remedy for code, remedy in _REMEDIES.items() if os.strerror(code).casefold() in text), "")


@contextmanager
def in_one_line(what: str, remedy: str) -> Iterator[None]:
    """Whatever a library stumbles over in somebody's files becomes one line.

    Args:
        what: "cannot …".
        remedy: what was expected, or what to do.

    Raises:
        ModelError: something was raised within.
    """
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # what files can make libraries stumble over has no end
        raise ModelError(f"{what}: {one_line(error)}; {remedy_of_machine(error) or remedy}") from error
