"""Classifiers of label lists that questions bring along: lists that come again are not encoded again."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from zeroshot.classifier import classifier_of

if TYPE_CHECKING:
    from zeroshot.classifier import Classifier
    from zeroshot.model.model import Model
    from zeroshot.types import Prompts


def num_texts(prompts: Prompts) -> int:
    """How many texts a network encodes for these labels."""
    stages = sum(len(one.start) + len(one.end) for one in prompts.stages if one is not None)
    return sum(map(len, prompts.texts)) + stages


class LabelCache:
    """Classifiers by their labels' texts; those asked for longest ago go when there are too many texts.

    Not for several threads at once.
    """

    def __init__(self, model: Model, most_texts: int) -> None:
        """Nothing is kept yet.

        Args:
            model: of all classifiers.
            most_texts: of all lists together.
        """
        self._model = model
        self._most_texts = most_texts
        self._kept: OrderedDict[Prompts, Classifier] = OrderedDict()
        self.num_texts = 0

    def classifier(self, prompts: Prompts) -> Classifier:
        """The classifier of these labels, which are encoded now unless they are kept.

        Raises:
            LabelError: the model cannot tell two of them apart.
        """
        found = self._kept.pop(prompts, None)
        if found is None:
            found = classifier_of(self._model, prompts, None)
            self.num_texts += num_texts(prompts)
        self._kept[prompts] = found
        while self.num_texts > self._most_texts and len(self._kept) > 1:
            oldest, _ = self._kept.popitem(last=False)
            self.num_texts -= num_texts(oldest)
        return found
