"""An encoder for mteb's video tasks: videos, texts and images by any model of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zeroshot.checkpoint import load_model
from zeroshot.errors import OptionError
from zeroshot.resources import VERSION, require_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from zeroshot.model.model import Model

    Rows = NDArray[np.float32]

MODALITIES = ("text", "image", "video")


class VideoEncoder:
    """What `mteb.evaluate` asks of a model: `mteb.evaluate(VideoEncoder("PE-Core-B-16/meta"), tasks)`.

    Videos are looked at as by `zeroshot embed`: the moments are this package's, the middles of equal
    segments, and where mteb hands over files they are decoded here, in processes of their own. An input of
    several modalities has the sum of their vectors, as mteb's own wrappers of CLIP have.

    Attributes:
        model: that embeds.
    """

    def __init__(self, model: str | Model, revision: str | None = None) -> None:
        """Load the model.

        Args:
            model: as for `load_model`, or a Model.
            revision: kept with the results; None: the start of the model's fingerprint.

        Raises:
            OptionError: mteb is not installed.
            ModelError: there is no such model.
        """
        require_installed("an encoder for mteb needs", ("mteb",), package='"mteb[video]"')
        self.model = load_model(model) if isinstance(model, str) else model
        self._revision = revision

    @property
    def mteb_model_meta(self) -> Any:  # noqa: ANN401 - a record of mteb
        """What mteb writes beside the results."""
        from mteb.models.model_meta import ModelMeta, ScoringFunction

        model = self.model
        numbers = sum(parameter.numel() for parameter in model.backbone.module.parameters())
        return ModelMeta(
            loader=None,
            name=f"zeroshot/{model.name.replace('/', '--').replace(':', '-')}",
            revision=self._revision or model.fingerprint[:12],
            release_date=None,
            languages=None,
            n_parameters=numbers,
            memory_usage_mb=round(numbers * 4 / 2**20, 1),
            max_tokens=model.backbone.context_length,
            embed_dim=model.embedding_dim,
            license=None,
            open_weights=None,
            public_training_code=None,
            public_training_data=None,
            framework=["PyTorch"],
            similarity_fn_name=ScoringFunction.COSINE,
            use_instructions=False,
            training_datasets=None,
            modalities=list(MODALITIES),
            experiment_kwargs={"zeroshot": VERSION, "frames": model.sampling.num_frames},
        )

    def encode(
        self,
        inputs: Any,  # noqa: ANN401 - a DataLoader
        *,
        task_metadata: object = None,
        hf_split: str = "",
        hf_subset: str = "",
        prompt_type: object = None,
        batch_size: int | None = None,
        show_progress_bar: bool = False,
        precision: str | None = None,
    ) -> Rows:
        """Vectors (n, D) float32 of n inputs, in their order.

        Args:
            inputs: a DataLoader over a dataset with columns text, image, video, one or several.
            task_metadata: not asked for: no prompt depends on it, as CLIP was trained without.
            hf_split: likewise.
            hf_subset: likewise.
            prompt_type: likewise.
            batch_size: likewise: the model has its own.
            show_progress_bar: likewise: mteb shows its own.
            precision: likewise: vectors are float32.

        Raises:
            OptionError: no column is of a modality that is known here.
            VideoError: a video cannot be read.
        """
        del task_metadata, hf_split, hf_subset, prompt_type, batch_size, show_progress_bar, precision
        columns = inputs.dataset.features
        known = [name for name in MODALITIES if name in columns]
        if not known:
            raise OptionError(f"columns are {', '.join(columns)}; expected one of {', '.join(MODALITIES)}")
        ways: dict[str, Callable[[Iterable[Any]], Rows]] = {
            "text": self._texts,
            "image": lambda images: self.model.embed_frames(list(images)),
            "video": self._videos,
        }
        inputs.collate_fn = _as_they_are
        rows: list[Rows] = []
        for batch in inputs:
            parts = [ways[name]([row[name] for row in batch]) for name in known]
            rows.append(np.sum(parts, axis=0, dtype=np.float32))
        return np.concatenate(rows) if rows else np.zeros((0, self.model.embedding_dim), np.float32)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> torch.Tensor:  # noqa: ANN401 - arrays or tensors
        """Cosines (n, m) of each of n vectors with each of m."""
        return torch.as_tensor(self.model.similarity(embeddings1, embeddings2))

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> torch.Tensor:  # noqa: ANN401
        """Cosines (n,) of n pairs of vectors."""
        left, right = (torch.as_tensor(each, dtype=torch.float32) for each in (embeddings1, embeddings2))
        return torch.nn.functional.cosine_similarity(left, right, dim=-1)

    def _texts(self, texts: Iterable[Any]) -> Rows:
        return self.model.embed_texts(list(texts))

    def _videos(self, videos: Iterable[Any]) -> Rows:
        """Vectors of decoders of torchcodec, of files, or of frames."""
        return self.model.embed_videos([self._source(video) for video in videos])

    def _source(self, video: Any) -> Any:  # noqa: ANN401
        """What stands for a video here: its file, where that is known, else its frames.

        `datasets` leaves the file that a decoder was made from on the decoder, as it writes it back.
        """
        file = getattr(video, "_hf_encoded", video)
        if isinstance(file, dict):
            path, content = file.get("path"), file.get("bytes")
            return content if content is not None else path
        if not hasattr(video, "get_frames_played_at"):
            return video
        return _clip_of(video, self.model)


def _as_they_are(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A batch of rows, nothing stacked or decoded."""
    return rows


def _clip_of(decoder: Any, model: Model) -> Any:  # noqa: ANN401 - torchcodec's decoder
    """The clip of a decoder whose file is not known: our moments, its frames."""
    from zeroshot.types import Clip
    from zeroshot.video.sampling import frame_times

    facts = decoder.metadata
    (times,) = frame_times(model.sampling, float(facts.duration_seconds), float(facts.average_fps or 0))
    end = float(facts.end_stream_seconds or facts.duration_seconds)
    shown = decoder.get_frames_played_at(seconds=np.minimum(times, np.nextafter(end, 0)).tolist())
    return Clip(np.asarray(shown.data, dtype=np.uint8), np.asarray(shown.pts_seconds, dtype=np.float64))
