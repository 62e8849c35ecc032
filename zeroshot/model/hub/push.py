"""A checkpoint folder onto the model hub: its own files in one commit, and nothing replaced unsaid."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeroshot.errors import ModelError, OptionError, OutputError, ZeroshotError, printable
from zeroshot.model.hub.card import UNKNOWN_LICENCE, card_of, licence_of
from zeroshot.model.hub.own_files import CARD, OWN_FILES, config_of, own_files, require_repository
from zeroshot.model.hub.pull import PREFIX, HubName, hub_name
from zeroshot.model.names import is_name_for_all
from zeroshot.model.networks.fetch import bars_on_terminals, no_answer
from zeroshot.resources import from_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

_LOGIN = "run `hf auth login`, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class Pushed:
    """What a push came to.

    Attributes:
        name: `hub:ORG/NAME@COMMIT`, which loads it.
        files: names of the files that are there now.
        changed: those of them that this push wrote, or took away.
        left_out: what else lies in the folder, and was not pushed.
        notes: what the user should know, a line each.
    """

    name: str
    files: tuple[str, ...]
    changed: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def push(
    folder: str | PathLike[str],
    repository: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> Pushed:
    """Push a checkpoint folder to the model hub, with a card: its own files in one commit.

    Nothing else that lies in the folder is read. The folder itself stays as it is: metadata are added to the
    card on its way.

    Args:
        folder: that `train` or `save_adapter` wrote.
        repository: ORG/NAME; made where it is missing.
        private: whether only you and your organization see it; None: as it is, and a new one as the hub has
            it.
        revision: branch, made where it is missing; None: main.
        token: None: that of `hf auth login` or HF_TOKEN.
        licence: as the hub writes it, such as apache-2.0; None: what the card says, else unknown.
        overwrite: whether files may be replaced that are there already and differ.

    Raises:
        ModelError: the folder is no checkpoint, or the name no repository's.
        OptionError: the licence or the revision has another form.
        OutputError: the hub refuses or does not answer, or would have to replace files.
    """
    folder = Path(from_home(folder))
    name = HubName(require_repository(repository), revision or "main")
    if hub_name(str(name)).is_pinned:
        raise OptionError(f"revision {revision!r} is a commit; expected the name of a branch")
    own = own_files(folder)
    _require_backbone_for_all(folder)
    card = card_of(folder, repository, licence).encode()
    contents: dict[str, Path | bytes] = {file.name: file for file in own}
    contents[CARD] = card
    commit, changed = _commit(name, contents, token, private=private, overwrite=overwrite)
    left_out = tuple(sorted(entry.name for entry in folder.iterdir() if entry.name not in contents))
    notes = []
    if licence_of(card.decode()) == UNKNOWN_LICENCE:
        notes.append("the card says that the licence is unknown; name yours with --license")
    if not changed:
        notes.append(f"{name} has all of this already; nothing was pushed")
    return Pushed(str(HubName(repository, commit)), tuple(contents), changed, left_out, tuple(notes))


def _require_backbone_for_all(folder: Path) -> None:
    """Refuse an adapter whose backbone is a folder or a file of this computer: nobody else could load it."""
    backbone = (config_of(folder).get("backbone") or {}).get("name")
    if backbone is not None and not is_name_for_all(str(backbone)):
        raise ModelError(
            f"the adapter in {printable(folder)} reads {printable(str(backbone))}, which is of this computer "
            f"alone; push that checkpoint first and train on it as {PREFIX}ORG/NAME, or save the adapter "
            "into its folder"
        )


def _commit(
    name: HubName,
    contents: Mapping[str, Path | bytes],
    token: str | None,
    *,
    private: bool | None,
    overwrite: bool,
) -> tuple[str, tuple[str, ...]]:
    """The commit that holds the contents, and what it changed."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi(token=token)
    with _plain_errors(name), bars_on_terminals():
        api.create_repo(name.repository, private=private, exist_ok=True)
        if name.revision != "main":
            api.create_branch(name.repository, branch=name.revision, exist_ok=True)
        there = api.model_info(name.repository, revision=name.revision, files_metadata=True)
        if private and there.private is False:
            raise OutputError(
                f"{name.repository} is there already and public; make it private on the hub first, or choose "
                "another name"
            )
        listed = {each.rfilename: each for each in there.siblings or () if each.rfilename in OWN_FILES}
        added = [file for file, content in contents.items() if not _is_same(listed.get(file), content)]
        stale = [file for file in listed if file not in contents]
        clashes = [file for file in added if file in listed] + stale
        if clashes and not overwrite:
            raise OutputError(_clash(api, name, clashes, there))
        if not added and not stale:
            return str(there.sha), ()
        done = api.create_commit(
            name.repository,
            [
                *(CommitOperationAdd(path_in_repo=file, path_or_fileobj=contents[file]) for file in added),
                *(CommitOperationDelete(path_in_repo=file) for file in stale),
            ],
            commit_message="Checkpoint of zeroshot",
            revision=name.revision,
            parent_commit=there.sha,
        )
        return str(done.oid), (*added, *stale)


def _clash(api: HfApi, name: HubName, clashes: list[str], there: ModelInfo) -> str:
    """One line on files that a push would replace or take away: which, and whose they are."""
    whose = f"commit {str(there.sha)[:12]}"
    with suppress(Exception):  # who it was is good to know, and no more
        last = api.list_repo_commits(name.repository, revision=name.revision)[0]
        whose += f" by {', '.join(last.authors)}: {last.title}"
    return printable(
        f"{name} has {', '.join(clashes)} already, with other contents ({whose}); nothing was pushed: allow "
        "it with --overwrite, or push to another --revision"
    )


def _is_same(there: RepoSibling | None, content: Path | bytes) -> bool:
    """Whether a file on the hub has this content, as far as its checksum tells."""
    if there is None:
        return False
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    if there.lfs is not None:
        return bool(there.lfs.sha256 == _digest(hashlib.sha256(), content))
    return bool(there.blob_id == _digest(hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False), content))


def _digest(digest: Any, content: Path | bytes) -> str:  # noqa: ANN401 - hashlib has no name for them
    """The checksum of a file or of bytes."""
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with content.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    return str(digest.hexdigest())


@contextmanager
def _plain_errors(name: HubName) -> Iterator[None]:
    """Whatever the hub refuses becomes one line that says what to do."""
    try:
        yield
    except ZeroshotError:
        raise
    except Exception as error:  # each HTTP library behind the hub's client has errors of its own
        status = getattr(getattr(error, "response", None), "status_code", None)
        told = _REFUSALS.get(status or 0, f"{no_answer(error)}; is there a network?")
        raise OutputError(f"cannot push to {name}: {told.format(name.repository)}") from error


_REFUSALS = {
    401: f"the hub does not know who you are (no token, or one that ran out); {_LOGIN}",
    403: f"your token may not write to {{}}; {_LOGIN}, or push to a name of your own",
    404: f"there is no {{}} that your token may see; check the spelling, or {_LOGIN}",
    409: "somebody else is writing to {} right now; push again",
    412: "somebody else committed to {} meanwhile; look at it and push again",
    413: "the hub takes no files as large as these for {}",
    429: "the hub has had too many questions; push again in a few minutes",
}


class FromFolder:
    """What may lie in a checkpoint folder, and be pushed as it lies there.

    Attributes:
        folder: of the checkpoint; None where it is none, such as the published weights of a tag.
        origin: `hub:ORG/NAME@COMMIT` of what came from the hub, else "".
    """

    folder: Path | None = None
    origin: str = ""

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        licence: str | None = None,
        overwrite: bool = False,
    ) -> Pushed:
        """Push the checkpoint folder that this was loaded from, as it lies there; see `zeroshot.push`.

        Raises:
            OptionError: it was not loaded from a checkpoint folder, or an option has another form.
            ModelError: the folder is no checkpoint, or the name no repository's.
            OutputError: the hub refuses or does not answer, or would have to replace files.
        """
        if self.folder is None:
            raise OptionError(
                "this model was not loaded from a checkpoint folder, so there is nothing to push; "
                "`zeroshot train` writes one"
            )
        return push(
            self.folder,
            repository,
            private=private,
            revision=revision,
            token=token,
            licence=licence,
            overwrite=overwrite,
        )
