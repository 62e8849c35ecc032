"""Labels that are one action under another name: found among data sets, and never within one list."""

from __future__ import annotations

import pytest

from zeroshot.datasets.same_names import Name, Names
from zeroshot.datasets.seen_labels import namesakes, possible
from zeroshot.text.lists import bundled_lists
from zeroshot.text.prompts import read_labels

# By hand, from the data sets' own descriptions: labels of Kinetics-400 that show the same action.
SAME = {
    "ucf101": """
        archery | archery
        baby crawling | crawling baby
        band marching | marching
        baseball pitch | catching or throwing baseball
        basketball | playing basketball
        basketball dunk | dunking basketball
        bench press | bench pressing
        biking | riding a bike
        blowing candles | blowing out candles
        body weight squats | squat
        bowling | bowling
        boxing punching bag | punching bag
        breast stroke | swimming breast stroke
        brushing teeth | brushing teeth
        clean and jerk | clean and jerk
        cliff diving | diving cliff
        cricket bowling | playing cricket
        cricket shot | playing cricket
        diving | springboard diving
        drumming | playing drums
        fencing | sword fighting
        floor gymnastics | gymnastics tumbling
        frisbee catch | catching or throwing frisbee
        golf swing | golf driving
        haircut | getting a haircut
        hammer throw | hammer throw
        head massage | massaging person's head
        high jump | high jump
        horse riding | riding or walking with horse
        hula hoop | hula hooping
        ice dancing | ice skating
        javelin throw | javelin throw
        juggling balls | juggling balls
        jump rope | skipping rope
        kayaking | canoeing or kayaking
        knitting | knitting
        long jump | long jump
        lunges | lunge
        mopping floor | mopping floor
        playing cello | playing cello
        playing flute | playing flute
        playing guitar | playing guitar
        playing piano | playing piano
        playing violin | playing violin
        pole vault | pole vault
        pull ups | pull ups
        punch | punching person (boxing)
        push ups | push up
        rock climbing indoor | rock climbing
        rope climbing | climbing a rope
        salsa spin | salsa dancing
        shaving beard | trimming or shaving beard
        shotput | shot put
        skate boarding | skateboarding
        skiing | skiing (not slalom or crosscountry)
        skijet | jetskiing
        sky diving | skydiving
        soccer juggling | juggling soccer ball
        soccer penalty | shooting goal (soccer)
        sumo wrestling | wrestling
        surfing | surfing water
        swing | swinging on something
        tai chi | tai chi
        tennis swing | playing tennis
        throw discus | throwing discus
        trampoline jumping | bouncing on trampoline
        volleyball spiking | playing volleyball
        walking with dog | walking the dog
        writing on board | writing
    """,
    "hmdb51": """
        brush hair | brushing hair
        cartwheel | cartwheeling
        clap | clapping
        climb | rock climbing
        dive | diving cliff
        dribble | dribbling basketball
        drink | drinking
        fencing | sword fighting
        golf | golf driving
        hug | hugging
        kick | high kick
        kick ball | kicking soccer ball
        kiss | kissing
        laugh | laughing
        pullup | pull ups
        punch | punching person (boxing)
        pushup | push up
        ride bike | riding a bike
        ride horse | riding or walking with horse
        run | jogging
        shake hands | shaking hands
        shoot ball | shooting basketball
        shoot bow | archery
        situp | situp
        smoke | smoking
        somersault | somersaulting
        swing baseball | hitting baseball
        sword | sword fighting
        throw | throwing ball
    """,
}
# A third data set, listed after the rules were made: they were not made for it.
HELD_OUT = """
    Arm wrestling | arm wrestling
    Baking cookies | baking cookies
    Ballet | dancing ballet
    Belly dance | belly dancing
    Blowing leaves | blowing leaves
    Braiding hair | braiding hair
    Camel ride | riding camel
    Canoeing | canoeing or kayaking
    Capoeira | capoeira
    Carving jack-o-lanterns | carving pumpkin
    Changing car wheel | changing wheel
    Cricket | playing cricket
    Cutting the grass | mowing lawn
    Decorating the Christmas tree | decorating the christmas tree
    Discus throw | throwing discus
    Gargling mouthwash | gargling
    Grooming dog | grooming dog
    Grooming horse | grooming horse
    Hand washing clothes | doing laundry
    Having an ice cream | eating ice cream
    Horseback riding | riding or walking with horse
    Hula hoop | hula hooping
    Hurling | hurling (sport)
    Ice fishing | ice fishing
    Ironing clothes | ironing
    Kayaking | canoeing or kayaking
    Kite flying | flying kite
    Knitting | knitting
    Making a cake | making a cake
    Mooping floor | mopping floor
    Mowing the lawn | mowing lawn
    Paintball | playing paintball
    Peeling potatoes | peeling potatoes
    Plastering | plastering
    Playing drums | playing drums
    Playing flauta | playing flute
    Playing guitarra | playing guitar
    Playing ice hockey | playing ice hockey
    Playing kickball | playing kickball
    Playing racquetball | playing squash or racquetball
    Playing squash | playing squash or racquetball
    Polishing shoes | shining shoes
    Rock-paper-scissors | rock scissors paper
    Rollerblading | roller skating
    Rope skipping | skipping rope
    Skiing | skiing (not slalom or crosscountry)
    Smoking a cigarette | smoking
    Snatch | snatch weight lifting
    Surfing | surfing water
    Swinging at the playground | swinging on something
    Tango | tango dancing
    Trimming branches or hedges | trimming trees
    Tumbling | gymnastics tumbling
    Volleyball | playing volleyball
    Waterskiing | water skiing
    Wrapping presents | wrapping present
"""


def by_hand(listed):
    """Label → training label, of a table."""
    return dict(line.strip().split(" | ") for line in listed.strip().splitlines())


def found_in(name):
    """Label → training label, by the rule, with Kinetics-400."""
    return {pair.label: pair.trained for pair in namesakes(read_labels(name), read_labels("kinetics400"))}


def pairs(labels, trained):
    return [(pair.label, pair.trained) for pair in namesakes(labels, trained)]


def test_endings_hyphens_and_machine_spelling():
    assert pairs(["apply eye makeup", "YoYo"], ["ApplyEyeMakeup", "yo-yo"]) == [
        ("apply eye makeup", "ApplyEyeMakeup"),
        ("YoYo", "yo-yo"),
    ]
    assert pairs(
        ["push ups", "ride bike", "clap", "running"], ["doing push-ups", "riding a bike", "clapping"]
    ) == [
        ("push ups", "doing push-ups"),
        ("ride bike", "riding a bike"),
        ("clap", "clapping"),
    ]


def test_slips_of_spelling():
    slip = namesakes(["archaelogical excavation"], ["archaeological excavation"])
    assert 0.9 < slip[0].similarity < 1


@pytest.mark.parametrize(
    ("label", "trained"),
    [
        ("push ups", "push up"),
        ("cliff diving", "diving cliff"),
        ("walking with dog", "walking the dog"),
        ("a video of a person running", "running"),
        ("A photo of archery.", "archery"),
        ("ran", "running"),
        ("tying", "tie"),
        ("he rode", "he rides"),
        ("hand stand walking", "handstand walking"),
        ("sky diving", "skydiving"),
        ("skijet", "jet skiing"),
        ("kayaking", "canoeing or kayaking"),
        ("branch trimming", "trimming branches/hedges"),
        ("skiing", "skiing (not slalom)"),
        ("biking", "riding a bike"),
        ("golf", "playing golf"),
        ("person's head massaging", "massaging head"),
        ("rolling dough", "roll dough"),
        ("carries box", "carrying boxes"),
    ],
)
def test_one_action(label, trained):
    assert pairs([label], [trained]) == [(label, trained)]
    assert pairs([trained], [label]) == [(trained, label)]


@pytest.mark.parametrize(
    ("label", "trained"),
    [
        ("walking left", "walking right"),
        ("pushing something from left to right", "pushing something from right to left"),
        ("putting a cup onto a book", "putting a book onto a cup"),
        ("standing up then sitting down", "sitting down then standing up"),
        ("playing paintball", "playing pinball"),
        ("long jump", "high jump"),
        ("sit", "sit up"),
        ("opening door", "closing door"),
        ("golf", "gold"),
        ("alley", "galley"),
        ("kick ball", "playing kickball"),
        ("zooming in", "zooming out"),
        ("1.5 somersaults, 2.5 twists", "2.5 somersaults, 1.5 twists"),
        ("passing (in game)", "passing (not in game)"),
        ("diving", "scuba diving"),
        ("playing", "riding"),
    ],
)
def test_other_actions(label, trained):
    assert pairs([label], [trained]) == []


@pytest.mark.parametrize("name", bundled_lists())
def test_no_two_labels_of_one_list_are_one(name):
    """By the bits of their places: two labels differ in one of them, so that each pair is asked."""
    labels = read_labels(name)
    for bit in range(len(labels).bit_length()):
        ones = [label for place, label in enumerate(labels) if place >> bit & 1]
        others = [label for place, label in enumerate(labels) if not place >> bit & 1]
        assert pairs(ones, others) == [], name


@pytest.mark.parametrize("name", ["ucf101", "hmdb51", "activitynet200", "kinetics400"])
def test_each_label_of_a_list_is_itself(name):
    labels = read_labels(name)
    assert pairs(labels, labels) == [(label, label) for label in labels]
    assert len(namesakes([f"A video of a person {label}." for label in labels], labels)) == len(labels)


@pytest.mark.parametrize(("name", "recall", "with_possible"), [("ucf101", 0.66, 0.85), ("hmdb51", 0.55, 0.8)])
def test_ucf_and_hmdb_in_kinetics(name, recall, with_possible):
    """Precision 1 against the list by hand; what no word tells ("jump rope") is left to its reader."""
    truth, found = by_hand(SAME[name]), found_in(name)
    labels = read_labels(name)
    assert set(truth) <= set(labels)
    assert set(truth.values()) <= set(read_labels("kinetics400"))
    assert {label: truth.get(label) for label in found} == found
    assert len(found) / len(truth) >= recall
    near = dict(possible(labels, read_labels("kinetics400")))
    listed = [label for label, same in truth.items() if label in found or same in near.get(label, ())]
    assert len(listed) / len(truth) >= with_possible


def test_a_data_set_that_the_rule_was_not_made_for():
    truth, found = by_hand(HELD_OUT), found_in("activitynet200")
    literal = {label for label in found if label.casefold() == found[label].casefold()}
    told = {label: same for label, same in found.items() if label not in literal}
    assert {label: truth.get(label) for label in told} == told
    others = set(truth) - literal
    assert len(told) / len(others) > 0.45  # the rest shares a word at most: cutting the grass, mowing lawn
    assert len(found) / len(literal | others) > 0.75


def test_possible_names_kinds():
    found = dict(
        possible(["diving", "jumping rope", "eating", "the"], ["scuba diving", "cliff diving", "jump"])
    )
    assert found == {"diving": ("cliff diving", "scuba diving"), "jumping rope": ("jump",)}


def test_a_name_is_looked_for_once():
    known = Names(["riding a bike", "hurling (sport)"])
    assert known.same(Name.of("bike riding")) == "riding a bike"
    assert known.same(Name.of("hurling")) == "hurling (sport)"
    assert known.same(Name.of("hurling (stones)")) is None
    assert known.same(Name.of("")) is None
