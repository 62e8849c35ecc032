"""Files of published models, from the hub's cache or over the network, with errors a user can act on."""

from __future__ import annotations

from pathlib import Path

from zeroshot.errors import ModelError
from zeroshot.model.networks.foreign import OFFLINE_REMEDY

# Seconds to wait for the hub's answer about one file.
_ANSWER_SECONDS = 5


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
        folder = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=list(patterns),
            ignore_patterns=["*/*"],
            etag_timeout=_ANSWER_SECONDS,
            local_files_only=not from_network,
        )
    except Exception as error:  # each HTTP library behind the hub's client has errors of its own
        why = _explained(error, repository, revision, from_network=from_network)
        raise ModelError(f"cannot fetch {model_name}{why}") from error
    return Path(folder)


def _explained(error: Exception, repository: str, revision: str | None, *, from_network: bool) -> str:
    """The rest of the line on why nothing could be fetched, and what to do."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return f": {repository} asks for its licence to be accepted on the model hub and for `hf auth login`"
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return (
            f": there is no {repository!r} on the model hub, or it is private; "
            "check the spelling or run `hf auth login`"
        )
    if isinstance(error, RevisionNotFoundError):
        return f": {repository} has no revision {revision!r} on the hub; expected a branch, a tag or a commit"
    if isinstance(error, LocalEntryNotFoundError) and not from_network:
        return (
            f": a file names it, so it is looked for in the cache alone, and {repository} is not there; "
            "put its files beside the weights"
        )
    return f" from the model hub ({no_answer(error)}); {OFFLINE_REMEDY}"


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
        f"cannot fetch {model_name}: {repository} has no {' or '.join(filenames)}, or it is not in the "
        f"cache and there is no network; {OFFLINE_REMEDY}"
    )


def no_answer(error: Exception) -> str:
    """Why fetching failed, in one line of a few words."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = " ".join(str(cause).split()) or type(cause).__name__
    return f"no answer: {text[:120]}"
