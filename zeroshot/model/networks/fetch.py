"""Files of published models, from the hub's cache or over the network, with errors a user can act on."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from zeroshot.errors import ModelError
from zeroshot.model.networks.foreign import OFFLINE_REMEDY

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds to wait for the hub's answer about one file.
_ANSWER_SECONDS = 5
_SHOWN = 6  # models in the cache that a line names


def fetch_files(
    repository: str,
    patterns: tuple[str, ...],
    model_name: str,
    *,
    from_network: bool = True,
    revision: str | None = None,
) -> Path:
    """Folder of a hub repository's files that match `patterns`; some or all of them may not exist.

    A repository that was fetched before is found in the cache when there is no network.

    Args:
        repository: ORG/NAME on the hub.
        patterns: file names with wildcards; only the repository's top folder is looked at.
        model_name: how the user called the model, for the error.
        from_network: whether a file may be fetched that is not in the cache: not where a local file, instead
            of the user, names the repository.
        revision: branch, tag or commit; None: the repository's main branch.

    Raises:
        ModelError: no network and not in the cache, no such repository, or one that needs a login.
    """
    # Not `hf_hub_download`: without a network that one tries again for 23 seconds, this one answers at once.
    from huggingface_hub import snapshot_download

    try:
        with bars_on_terminals():
            folder = snapshot_download(
                repository,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=["*/*"],
                etag_timeout=_ANSWER_SECONDS,
                local_files_only=not from_network,
            )
    except Exception as error:  # each HTTP library behind the hub's client has errors of its own
        raise explained(
            error, repository, model_name, from_network=from_network, revision=revision
        ) from error
    return Path(folder)


def explained(
    error: Exception,
    repository: str,
    model_name: str,
    *,
    from_network: bool = True,
    revision: str | None = None,
) -> ModelError:
    """The error of the hub's client in one line that says what to do.

    Args:
        error: as it was raised.
        repository: that was asked for.
        model_name: how the user called the model.
        from_network: as for `fetch_files`.
        revision: as for `fetch_files`.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        why = f"{repository} asks for its licence to be accepted on the model hub and for `hf auth login`"
    elif isinstance(error, RepositoryNotFoundError | HFValidationError):
        why = (
            f"there is no {repository!r} on the model hub, or it is private; "
            "check the spelling or run `hf auth login`"
        )
    elif isinstance(error, RevisionNotFoundError):
        why = f"{repository} has no revision {revision!r} on the hub; expected a branch, a tag or a commit"
    elif isinstance(error, LocalEntryNotFoundError) and not from_network:
        why = (
            f"a file names it, so it is looked for in the cache alone, and {repository} is not there; "
            "put its files beside the weights"
        )
    else:
        return ModelError(
            f"cannot fetch {model_name} from the model hub ({no_answer(error)}); "
            f"{_sized(repository)} is not in the cache; {elsewhere(repository, model_name)}"
        )
    return ModelError(f"cannot fetch {model_name}: {why}")


def elsewhere(repository: str, model_name: str = "") -> str:
    """How to come by a repository's files without a network here, and what there is already: ends a line.

    Args:
        repository: ORG/NAME.
        model_name: how the user called the model, where it is one that `zeroshot download` takes.
    """
    from zeroshot.model.networks.published import (
        cache_folder,
        cached_models,
        published_models,
        repository_folder,
    )

    is_name = model_name in published_models() or model_name.startswith(("hf:", "hub:"))
    ours = f"`zeroshot download {model_name}` or " if is_name else ""
    here = cached_models()
    shown = ", ".join(here[:_SHOWN]) + ", …" * (len(here) > _SHOWN) if here else "no model"
    return (
        f"where there is a network run {ours}`hf download {repository}` and copy "
        f"{repository_folder(repository).name} from its cache into {cache_folder()}; "
        f"in the cache now: {shown}; {OFFLINE_REMEDY}"
    )


def _sized(repository: str) -> str:
    """A repository with the size of its weights, where that is known."""
    from zeroshot.model.networks.published import in_words, published_models

    sizes = [model.num_bytes for model in published_models().values() if model.repository == repository]
    return f"{repository} (about {in_words(sizes[0])})" if sizes and sizes[0] else repository


@contextmanager
def bars_on_terminals() -> Iterator[None]:
    """The hub client's bars on a terminal alone; in a log each would be lines upon lines."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if (sys.stderr and sys.stderr.isatty()) or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def has_tokenizer(folder: Path) -> bool:
    """Whether a tokenizer's files lie in a folder.

    Asked because without them transformers makes a tokenizer that knows no words, and says nothing.
    """
    return any(next(folder.glob(name), None) for name in ("tokenizer.json", "vocab.*", "*.model"))


def fetch_one(
    repository: str, filenames: tuple[str, ...], model_name: str, *, from_network: bool = True
) -> Path:
    """The first of `filenames` that the repository holds.

    Args:
        repository: ORG/NAME on the hub.
        filenames: in the order of preference, safetensors first.
        model_name: how the user called the model, for the error.
        from_network: as for `fetch_files`.

    Raises:
        ModelError: as `fetch_files`, or none of the files is there.
    """
    for filename in filenames:
        file = fetch_files(repository, (filename,), model_name, from_network=from_network) / filename
        if file.is_file():
            return file
    raise ModelError(
        f"cannot fetch {model_name}: {_sized(repository)} has no {' or '.join(filenames)}, or it is not "
        f"in the cache and there is no network; {elsewhere(repository, model_name)}"
    )


def no_answer(error: Exception) -> str:
    """Why fetching failed, in one line of a few words."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = " ".join(str(cause).split()) or type(cause).__name__
    return f"no answer: {text[:120]}"
