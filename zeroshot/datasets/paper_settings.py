"""How each line of papers words its labels, looks at its videos and averages what it sees: `--as`.

Facts as their public code has them; figures as their papers or pages have them, top-1 in %, ± over three
splits. Where a figure was read off somebody else's table, that is said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from zeroshot.datasets.lineage import Lineage, Pixels
from zeroshot.errors import OptionError
from zeroshot.video.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

RAW = "/raw"
"""What follows a lineage's name for its row of CLIP as it comes, where that has words of its own."""

_SIXTEEN_FRAMES_SECONDS = 16 / 30  # their code counts at 30 frames a second, whatever a file has

# mmaction's test frames, on which X-CLIP's code stands, and with it ViFi-CLIP's and TC-CLIP's.
_MMACTION = Pixels(resize=256, long_side="rounded", imagenet=True)
_SLOWFAST = Pixels(whole_levels=False, crop_offset="ceiled")
_THREE_VIEWS = Sampling(8, 3, _SIXTEEN_FRAMES_SECONDS, placement="linspace")

_IMAGENET = "levels are put on ImageNet's scale (mean .485, .456, .406), though CLIP was trained on its own"
_HMDB51_EXCHANGED = {"hmdb51": (("kick", "kick ball"), ("sword", "sword exercise"))}
_EXCHANGED = (
    "its HMDB51 table of names exchanges kick with kick ball, sword with sword exercise, against its lists, "
    "so 120 of 1,530 videos of a split are held against the wrong name; here against the right one, and the "
    "figure by its own table stands beside"
)
_TRAINED = ", trained on Kinetics-400"
_SPLITS = "three test splits of HMDB51 and UCF101; three sets of 160 labels of Kinetics-600"
_SPLITS_AND_ALL = f"{_SPLITS}; all videos of HMDB51 and UCF101"
_DROPPED = "its loader drops the last video of a process where the number is odd; here every video counts"
_DECODED = "decoding and resizing by other libraries: single levels of a frame"
_OTHER_NETWORK = "its network is none that is loaded here: with another the figure is that network's"
_PE_TABLE = "as Perception Encoder's table 6 has it"

_LINEAGES = (
    Lineage("plain", "names in words, no template, the model's own frames, as `zeroshot classify` does"),
    Lineage(
        "x-clip",
        "bare names, UCF101's in CamelCase; 32 × 1 frames, 256 cut to 224, raw vectors averaged",
        names={"ucf101": "published"},
        exchanged=_HMDB51_EXCHANGED,
        sampling=Sampling(32, placement="middles"),
        pixels=_MMACTION,
        frames="raw",
        views="probabilities",
        lists=_SPLITS,
        faults=(_IMAGENET, _EXCHANGED, _DROPPED),
        published=(f"X-CLIP-B/16{_TRAINED}: HMDB51 44.6 ± 5.2, UCF101 72.0 ± 2.3, K600 65.2 ± 0.4",),
        expected=(
            f"{_OTHER_NETWORK} (it words labels anew for each video); the exchanged names are in its own "
            f"figure on HMDB51; {_DECODED}"
        ),
    ),
    Lineage(
        "vifi-clip",
        "'a photo of a NAME.', UCF101's in CamelCase; 32 × 1 frames, 256 cut to 224, raw vectors averaged",
        templates="a photo of a {}.",
        raw_templates="none",
        names={"ucf101": "published"},
        exchanged=_HMDB51_EXCHANGED,
        sampling=Sampling(32, placement="middles"),
        pixels=_MMACTION,
        frames="raw",
        views="probabilities",
        lists=_SPLITS,
        faults=(_IMAGENET, _EXCHANGED),
        published=(f"ViFi-CLIP, ViT-B/16{_TRAINED}: HMDB51 51.3 ± 0.6, UCF101 76.8 ± 0.7, K600 71.2 ± 1.0",),
        expected=f"the exchanged names are in its own figure on HMDB51; half precision there; {_DECODED}",
    ),
    Lineage(
        "tc-clip",
        "'a photo of a NAME.', names split at capitals; 16 frames × 2 random views (a draw), 256 cut to 224",
        templates="a photo of a {}.",
        raw_templates="none",
        names={"ucf101": "split"},
        exchanged=_HMDB51_EXCHANGED,
        sampling=Sampling(16, 2, seed=0, placement="random"),
        pixels=_MMACTION,
        frames="raw",
        views="probabilities",
        lists=_SPLITS,
        faults=(
            "its two views are random frames, so its figure is one draw; here another draw, always the same",
            "frames behind the last whole segment, up to 15 of a video, are never drawn",
            _IMAGENET,
            _EXCHANGED,
        ),
        published=(
            f"TC-CLIP, ViT-B/16{_TRAINED}: HMDB51 54.2 ± 0.7, UCF101 82.9 ± 0.6, K600 75.8 ± 0.5",
            "with label texts of a language model: HMDB51 56.0 ± 0.3, UCF101 85.4 ± 0.8, K600 78.1 ± 1.0",
        ),
        expected=f"{_OTHER_NETWORK} (it words labels anew for each video); another draw; {_DECODED}",
    ),
    Lineage(
        "open-vclip",
        "28 Kinetics templates; 3 views of 8 frames over 4.27 s at begin, middle, end; 224, not antialiased",
        templates="kinetics28",
        names={"ucf101": "split"},
        respelled={"Yo Yo": "Yoyo"},
        sampling=_THREE_VIEWS,
        pixels=_SLOWFAST,
        views="logits",
        lists=_SPLITS_AND_ALL,
        faults=(
            "on HMDB51 its decoder may reduce frames to 224 before it resizes; here they are resized once",
        ),
        published=(
            f"Open-VCLIP, ViT-B/16{_TRAINED}: HMDB51 53.9 ± 1.2, UCF101 83.4 ± 1.2, K600 73.0 ± 0.8",
            "CLIP ViT-B/16 as it comes: HMDB51 47.9 ± 0.5, UCF101 73.8 ± 0.6, K600 68.1 ± 1.1 (FROSTER)",
        ),
        expected=_DECODED,
    ),
    Lineage(
        "froster",
        "29 texts a label with --texts (28 templates with a text, and the text); looks as open-vclip",
        templates="kinetics28",
        names={"ucf101": "split"},
        respelled={"Yo Yo": "Yoyo"},
        beside=True,
        sampling=_THREE_VIEWS,
        pixels=_SLOWFAST,
        views="logits",
        lists=_SPLITS_AND_ALL,
        faults=(
            "its texts were written by a language model and are not bundled; without --texts: 28 templates",
        ),
        published=(
            f"FROSTER, ViT-B/16{_TRAINED}: HMDB51 54.8 ± 1.3, UCF101 84.8 ± 1.1, K600 74.8 ± 0.9",
            "all videos: HMDB51 54.5, UCF101 85.0; CLIP as it comes 46.3, 74.2",
        ),
        expected=f"{_DECODED}; without its texts the figure is open-vclip's",
    ),
    Lineage(
        "bike",
        "'This is a video about NAME'; 8 × 1 frames, the first of each segment, 256 cut to 224, bicubic",
        templates="This is a video about {}",
        sampling=Sampling(8, placement="starts"),
        pixels=Pixels(
            resize=256, interpolation="bicubic", antialias=True, crop_offset="rounded", at_224_alone=True
        ),
        frames="raw",
        views="probabilities",
        lists="every video of HMDB51 and UCF101, all labels and ten halves of them",
        faults=(
            "in its halves probabilities of single frames are averaged, of vectors of any length; here "
            "vectors are averaged over frames, as in its figure on all labels",
            "its frames were pictures of 256 pixels, and JPEG",
            "its table of UCF101's names could not be read: they are in words here",
        ),
        expected=(
            "its own network weighs words and frames by each other, which networks of single frames do not; "
            "here frames count alike"
        ),
    ),
    Lineage(
        "pe",
        "28 Kinetics templates; 8 frames, raw frame vectors averaged, pixels as the network prepares them",
        templates="kinetics28",
        sampling=Sampling(8),
        frames="raw",
        lists="validation sets of Kinetics; UCF101 and HMDB51, splits not said",
        faults=("which words it has for HMDB51 and UCF101 is not said; here the Kinetics templates",),
        published=(
            "PE-Core-B/16, 224 px: K400 65.6, K600 65.1, K700 55.8, UCF101 84.6, HMDB51 48.2",
            "PE-Core-L/14, 336 px: K400 73.4, K600 72.7, K700 65.3, UCF101 87.1, HMDB51 58.5",
            "PE-Core-G/14, 448 px: K400 76.9, K600 76.1, K700 69.1, UCF101 90.7, HMDB51 61.1",
        ),
        expected=f"place of the 8 frames within their segments and templates, neither said; {_DECODED}",
    ),
    Lineage(
        "siglip2",
        "as Perception Encoder's authors measured it: 28 Kinetics templates; 8 frames, raw vectors averaged",
        templates="kinetics28",
        sampling=Sampling(8),
        frames="raw",
        lists="validation sets of Kinetics; UCF101 and HMDB51, splits not said",
        faults=("SigLIP 2's own paper has no figure on videos",),
        published=(
            f"SigLIP2-B/16, 224 px: K400 58.7, K600 55.0, K700 48.4, UCF101 82.0, HMDB51 42.3 ({_PE_TABLE})",
            f"SigLIP2-L/16, 384 px: K400 65.3, K600 62.5, K700 56.8, UCF101 86.7, HMDB51 49.3 ({_PE_TABLE})",
            f"SigLIP2-g-opt, 384 px: K400 69.8, K600 67.0, K700 61.8, UCF101 90.7, HMDB51 51.8 ({_PE_TABLE})",
        ),
        expected=f"place of the 8 frames within their segments and templates, neither said; {_DECODED}",
    ),
    Lineage(
        "mteb",
        "'a video of NAME', HMDB51 by its split 1 alone; frames and pixels as the model has them",
        templates="a video of {}",
        lists="HMDB51 split 1; Kinetics validation sets of its own cutting; 51 of UCF101's labels",
        faults=(
            "its UCF101 tasks have 51 labels, those with sound, and so are not UCF101: none of their figures "
            "may stand beside figures of 101 labels",
            "frames are chosen by each model's wrapper there, not by the benchmark",
            "an earlier version gave Kinetics-400's names without template",
        ),
        published=(
            "HMDB51 split 1: X-CLIP-B/16 46.5, Qwen3-VL-Embedding-8B 64.3",
            "PE-AV-L: K400 75.7, K600 75.9",
        ),
        expected="other frames, and other videos on Kinetics; on HMDB51 compare with split 1 alone",
    ),
    Lineage(
        "internvideo2",
        "ActionCLIP's 16 templates; 8 frames in the middle of whole intervals, squashed to a square, bicubic",
        templates="actionclip16",
        sampling=Sampling(8, placement="whole middles"),
        pixels=Pixels(squash=True, interpolation="bicubic"),
        frames="raw",
        lists="validation sets of Kinetics and Moments in Time; UCF101 and HMDB51, splits not said",
        faults=(
            "its sentences are ActionCLIP's by their name in its code; their wording could not be read",
            "HMDB51 is read from pictures that were cut out of the videos",
        ),
        published=(
            "InternVideo2-CLIP-1B: K400 73.1, K600 72.8, K700 64.9, UCF101 88.8, HMDB51 53.9, MiT 31.6",
            "InternVideo2-CLIP-6B: K400 72.7, K600 71.7, K700 64.2, UCF101 89.5, HMDB51 56.7, MiT 32.9",
        ),
        expected=f"{_OTHER_NETWORK}; sentences",
    ),
    Lineage(
        "videoprism",
        "'a video of NAME.'; 16 frames, the first of each segment; pixels as the network prepares them",
        templates="a video of {}.",
        sampling=Sampling(16, placement="starts"),
        frames="raw",
        lists="validation sets of Kinetics-400, Something-Something V2 by events, Charades",
        faults=(
            "the large models were trained with 8 frames, the base ones with 16: --num-frames 8 for those",
            "its example refuses frames that are no squares; here the network's own preparation decides",
        ),
        published=(
            "VideoPrism-LvT-B, public weights: K400 69.2, Charades 26.9",
            "VideoPrism-LvT-L, public weights: K400 72.4, Charades 32.4",
        ),
        expected=f"{_OTHER_NETWORK}; templates of its figures are not said, those here are its example's",
    ),
)

LINEAGES: Mapping[str, Lineage] = {
    one.name: one
    for lineage in _LINEAGES
    for one in (
        lineage,
        *(
            [
                replace(
                    lineage,
                    name=lineage.name + RAW,
                    about=f"as {lineage.name}, in the words of its row of CLIP as it comes: bare names",
                    templates=lineage.raw_templates,
                    raw_templates=None,
                )
            ]
            if lineage.raw_templates is not None
            else []
        ),
    )
}


def lineage_named(name: str) -> Lineage:
    """The lineage of that name.

    Raises:
        OptionError: there is none; the message lists them.
    """
    if name not in LINEAGES:
        raise OptionError(f"--as {name!r}; expected one of {', '.join(LINEAGES)}")
    return LINEAGES[name]


def lineages_in_lines() -> list[str]:
    """Every lineage in one line, its name first."""
    width = max(map(len, LINEAGES))
    return [f"{one.name:<{width}}  {one.about}" for one in LINEAGES.values()]
