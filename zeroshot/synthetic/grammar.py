"""Actions made of parts: verb × limb or side × manner, with names, opposites and stages by one grammar.

Left and right are the picture's, whichever way a puppet looks: what is left in a video is right in its mirror
image. So every action has a mirror image, and every one that leads somewhere has a reversal.
"""

from __future__ import annotations

from dataclasses import dataclass

ARMS, LEGS = ("left arm", "right arm"), ("left leg", "right leg")
LIMBS = (*ARMS, "both arms", *LEGS)
SIDES = ("left", "right")
BODY = ("",)
TIMES, PACES = ("once", "twice", "slowly"), ("slowly", "quickly")

POSTURES: dict[str, tuple[str, ...]] = {
    "arm": ("down", "out", "up", "bent"),
    "leg": ("down", "up", "bent"),
    "trunk": ("upright", "bent forward", "crouching", "leaning to the left", "leaning to the right"),
    "face": ("facing us", "facing left", "facing right", "seen from behind"),
    "place": ("in the middle", "on the left", "on the right"),
}
"""What a still may show, and in which words; those of arms and legs follow the limb ("left arm up")."""


@dataclass(frozen=True)
class Verb:
    """What is done.

    Attributes:
        words: with `{}` for the limb or the side.
        parts: limbs or sides that it goes with; the empty one where it takes none.
        gesture: key of `gestures.GESTURES`.
        manners: how it may be done.
        stages: how it begins and how it ends, `{}` as in `words`, `{other}` the other side; none where it
            ends as it began.
        reversal: the verb of the same videos played backwards; none where that is the same action.
        backwards: whether the gesture is played backwards.
    """

    words: str
    parts: tuple[str, ...]
    gesture: str
    manners: tuple[str, ...] = TIMES
    stages: tuple[str, str] | None = None
    reversal: str | None = None
    backwards: bool = False


def _pair(
    names: tuple[str, str],
    words: tuple[str, str],
    parts: tuple[str, ...],
    stages: tuple[str, str],
    manners: tuple[str, ...] = TIMES,
) -> dict[str, Verb]:
    """A verb and the one that undoes it, whose videos are the first one's played backwards."""
    forth = Verb(words[0], parts, names[0], manners, stages, names[1])
    # Who comes back from the left played backwards goes to the left; who walks left, backwards to the right.
    there = ("on the {other}", "on the {}") if stages[0] == "on the {other}" else stages[::-1]
    return {
        names[0]: forth,
        names[1]: Verb(words[1], parts, names[0], manners, there, names[0], backwards=True),
    }


_TRAVEL = ("on the {other}", "on the {}")
VERBS: dict[str, Verb] = {
    **_pair(("raise", "lower"), ("raising the {}", "lowering the {}"), LIMBS, ("{} down", "{} up")),
    **_pair(("bend", "stretch"), ("bending the {}", "stretching the {}"), LIMBS, ("{} down", "{} bent")),
    "swing": Verb("swinging the {}", LIMBS, "swing"),
    "wave": Verb("waving the {}", LIMBS, "wave"),
    "circle": Verb("circling the {}", LIMBS, "circle"),
    "kick": Verb("kicking with the {}", LEGS, "kick"),
    "punch": Verb("punching with the {}", LIMBS[:3], "punch"),
    **_pair(("squat", "stand up"), ("squatting down", "standing up"), BODY, ("upright", "crouching")),
    **_pair(("bow", "unbow"), ("bowing", "straightening up"), BODY, ("upright", "bent forward")),
    **_pair(
        ("lean", "unlean"),
        ("leaning to the {}", "coming back from the {}"),
        SIDES,
        ("upright", "leaning to the {}"),
    ),
    **_pair(
        ("turn", "unturn"),
        ("turning to the {}", "turning back from the {}"),
        SIDES,
        ("facing us", "facing {}"),
    ),
    **_pair(
        ("walk", "walk back"), ("walking to the {}", "walking backwards to the {}"), SIDES, _TRAVEL, PACES
    ),
    **_pair(("run", "run back"), ("running to the {}", "running backwards to the {}"), SIDES, _TRAVEL, PACES),
    "jump": Verb("jumping", BODY, "jump"),
    "jump aside": Verb("jumping to the {}", SIDES, "jump aside", TIMES, _TRAVEL, "jump aside"),
}
"""Verb → its grammar. Played backwards, who travels arrives at the other side."""


@dataclass(frozen=True)
class Action:
    """One sentence of the grammar.

    Attributes:
        verb: key of `VERBS`.
        part: limb, side or nothing, one of the verb's.
        manner: one of the verb's.
    """

    verb: str
    part: str
    manner: str

    @property
    def bare(self) -> str:
        """Its name without the manner, which no still shows."""
        return VERBS[self.verb].words.format(self.part).replace("the both", "both")

    @property
    def name(self) -> str:
        """What it is called as a label, such as "raising the left arm twice"."""
        return f"{self.bare} {self.manner}"

    @property
    def stages(self) -> tuple[str, str] | None:
        """How its videos begin and how they end, in the words of `POSTURES`; none where that is the same."""
        found = VERBS[self.verb].stages
        return found and (self._put(found[0]), self._put(found[1]))

    def _put(self, words: str) -> str:
        return words.format(self.part, other=other_side(self.part))

    @property
    def mirrored(self) -> Action:
        """What its videos show when left and right are exchanged; itself where no side is named."""
        return Action(self.verb, other_side(self.part), self.manner)

    @property
    def reversed(self) -> Action | None:
        """What its videos show when played backwards; none where that is the same action."""
        reversal = VERBS[self.verb].reversal
        if reversal is None:
            return None
        turned = VERBS[self.verb].stages == _TRAVEL
        return Action(reversal, other_side(self.part) if turned else self.part, self.manner)


def leads_somewhere(verb: Verb) -> bool:
    """Whether another verb undoes it: twice is then there, back and there again."""
    return verb.reversal is not None and verb is not VERBS[verb.reversal]


def other_side(part: str) -> str:
    """The limb or side with left and right exchanged; as it is where it names neither."""
    for here, there in (SIDES, SIDES[::-1]):
        if part.startswith(here):
            return there + part.removeprefix(here)
    return part


COMPOSED: tuple[Action, ...] = tuple(
    Action(name, part, manner)
    for name, verb in VERBS.items()
    for part in verb.parts
    for manner in verb.manners
)
"""All actions; the place in the tuple is the class index."""

COMPOSED_NAMES: tuple[str, ...] = tuple(action.name for action in COMPOSED)

_KEPT_BACK: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("raise", "lower", "swing"), LEGS, TIMES),
    (("bend", "stretch", "wave"), ("both arms",), TIMES),
    (("circle",), ARMS, TIMES),
    (("squat", "stand up"), BODY, ("slowly",)),
    (("turn", "unturn"), SIDES, ("twice",)),
    (("walk", "walk back"), SIDES, ("slowly",)),
)
"""Verbs, what they go with, and manners that no training may see together."""

UNSEEN: tuple[Action, ...] = tuple(
    action
    for action in COMPOSED
    if any(
        action.verb in verbs and action.part in parts and action.manner in manners
        for verbs, parts, manners in _KEPT_BACK
    )
)
"""Combinations kept from backbone and adapter alike. Mirror images and reversals of each are among them, so
that no changed copy of a training video shows one; every verb, limb, side and manner is seen in others."""

SEEN: tuple[Action, ...] = tuple(action for action in COMPOSED if action not in UNSEEN)
