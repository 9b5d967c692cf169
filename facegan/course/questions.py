"""The course's written questions: text, rubric, and in some a fact that is checked.

Instructors grade the texts with the rubric; see `docs/instructors.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from facegan.course import facts
from facegan.course.facts import Fact
from facegan.errors import ConfigError


@dataclass(frozen=True)
class Question:
    """A written question.

    Attributes:
        name: the question's name.
        notebook: the number of its notebook.
        text: the question.
        rubric: the contents of a good answer as (points, content).
        fact: a value that is checked as part of the answer; None if there is none.
    """

    name: str
    notebook: int
    text: str
    rubric: tuple[tuple[int, str], ...]
    fact: Fact | None = None

    @property
    def points(self) -> int:
        """The points of a complete answer."""
        return sum(points for points, _ in self.rubric)


def questions() -> dict[str, Question]:
    """Return all written questions by name, in the order of the notebooks."""
    return dict(_TABLE)


def find(name: str) -> Question:
    """Return the question with that name.

    Raises:
        ConfigError: there is no such question.
    """
    if not isinstance(name, str) or name not in _TABLE:
        raise ConfigError(f"no written question is called {name!r}; choose one of {', '.join(_TABLE)}.")
    return _TABLE[name]


_QUESTIONS = (
    Question(
        "missing", 1,
        "Which groups of people are missing or rare in your data set? How will a generator that is trained on it show "
        "them, and whom could that harm? Also pass `brightness`, the mean of all bytes of `faces[:32]`, and explain "
        "why such a number does not show who is missing.",
        (
            (2, "names at least two groups that are rare or absent in this data set, and how to check it"),
            (2, "says that G makes such faces rarely or never, even less often than they occur in the data"),
            (1, "names a use of the generator, and who is harmed by it"),
            (1, "says that an average hides the distribution: different data sets can have the same mean"),
        ),
        Fact("brightness", "the mean of all bytes of faces[:32], from 0 to 255", facts.brightness, within=0.5),
    ),
    Question(
        "augment", 1,
        "Mirroring adds variety at almost no cost. Name one more image transformation that you would use for faces, "
        "and one that you would not use. What would the generator learn from each?",
        (
            (1, "names a change that keeps faces plausible, such as a small shift or slightly more or less light"),
            (1, "names a change that does not, such as upside-down faces, strong rotation, or inverted colors"),
            (2, "says that G learns to generate what D is shown, and applies this to both changes"),
        ),
    ),
    Question(
        "parameters", 2,
        "Which layer of your generator has the most parameters, and why? If `width` doubles, how do this number and "
        "the work per image change? Also pass `parameters`, the total number of parameters of `build_generator(100, "
        "32)`.",
        (
            (2, "the second convolution: 8w x 4w kernels of 4 x 4; the first one has only 100 input channels"),
            (2, "four times as many, because input and output channels both double"),
            (1, "the work of the middle layers also grows by a factor of 4, that of the first and last layer by 2"),
        ),
        Fact("parameters", "the total number of parameters of build_generator(100, 32)", facts.parameters),
    ),
    Question(
        "decisions", 2,
        "Choose two of these decisions: kernel 4 with stride 2, BatchNorm between the layers, leaky ReLU in D, no "
        "BatchNorm in G's last layer. For each: what would you see in the images or in the curves without it, and "
        "why?",
        (
            (2, "for the first decision, what is seen: checkerboards; a vanishing signal or flat colors; a G that gets "
                "no gradient from parts of the image; colors that G cannot choose freely"),
            (2, "the same for the second decision"),
            (2, "the mechanism of both, not only the name: uneven overlap; scale of activations; a slope of 0 below 0; "
                "mean and standard deviation fixed per channel"),
        ),
    ),
    Question(
        "curves", 3,
        "Describe D(x), D(G(z)), and both losses of your long run, from beginning to end. Do they look as you "
        "expected, and how did the faces change at the same time? Why do the losses not fall to 0? Also pass "
        '`d_loss_at_end`, the mean of `gan.history["loss_d"]` over the last 200 steps.',
        (
            (2, "describes the student's own curves: the start, a level or a trend, the end"),
            (2, "compares with the faces: the curves hardly change while the faces improve"),
            (2, "each loss measures one network against the other, so its level shows how balanced they are"),
            (1, "explains where 2 log 2 = 1.39 comes from: D(x) = D(G(z)) = 1/2"),
            (1, "names warning signs: curves that diverge, D(G(z)) near 0, faces that all look alike"),
        ),
        Fact(
            "d_loss_at_end", "the mean of loss_d over the last 200 steps", facts.loss_at_end,
            within=0.05, relative=0.1,
        ),
    ),
    Question(
        "alternate", 3,
        "Why are D and G trained in turns, and not D to the end first and then G? What would G's gradient be in that "
        "case, for each of G's two losses?",
        (
            (2, "D's output is useful only near G's current fakes; when G changes, D must be trained again"),
            (2, "minimax: nearly 0, because the slope of log(1 - D) vanishes where D is certain"),
            (1, "non-saturating: not 0, but its direction says little about faces"),
        ),
    ),
    Question(
        "change", 3,
        "You train once more and may change one thing: a learning rate, the loss, the width, the batch size, the "
        "number of D's steps, or the data. What do you change, and how do you expect the curves, the faces, and the "
        "distance to change? Which result would show that you were wrong?",
        (
            (2, "changes one thing, with a value, for a reason based on the run"),
            (2, "a prediction for curves, faces, and distance that can be checked"),
            (1, "names a result that would refute the prediction"),
            (1, "compares fairly: equal minutes or steps, more than one seed, distance with its floor"),
        ),
    ),
    Question(
        "walk", 4,
        "A friend's walk passes through three latents of length 10. The lengths of its latents are 10.0, 8.1, 7.1, "
        "8.0, 10.0, 8.2, 7.0, 8.1, and 10.0, and some frames are pale. What is wrong with this walk, and how do you "
        "fix it? How would you test the fix without looking at faces? Also pass `middle`, the mean length of `half` "
        "in the cell with the 400 pairs.",
        (
            (2, "it follows straight lines, through the inside of the sphere, where G was not trained"),
            (1, "fix: slerp, or scale each point back to length 10 (then the speed is uneven)"),
            (2, "test: the length of every latent is near 10, and the angles between neighboring frames are equal"),
        ),
        Fact("middle", "the mean length of half in the cell with the 400 pairs", facts.middle, within=0.05),
    ),
    Question(
        "attribute", 4,
        "The cell below draws your 500 faces. It shows the mean of the faces with little of your attribute, the mean "
        "of those with much of it, and four times their difference around mid-gray. Where do the means differ, and "
        "does anything differ that is unrelated to the attribute? What does that say about a direction in latent "
        "space that was computed from few faces? Also pass `difference`, the mean of `high - low` over all pixels and "
        "colors.",
        (
            (2, "describes where the difference image of the student's own attribute is large"),
            (2, "names something unrelated to it, and why: with few faces, other attributes do not cancel"),
            (2, "a direction computed from few faces also contains such differences; more faces make them smaller"),
        ),
        Fact("difference", "the mean of high - low over all pixels and colors", facts.difference, within=0.05),
    ),
    Question(
        "circle", 5,
        "In the Dirac-GAN, each step of a player lowers its own loss, but the players never reach the solution. Use "
        "the arrows to explain why. How does R1 change the arrows and the eigenvalues? Also pass `modulus`, the "
        "modulus of the original game for simultaneous updates with a rate of 0.4.",
        (
            (2, "the arrows circle around the solution, because each player's best direction depends on the other"),
            (1, "simultaneous steps spiral outward from the circle, alternating steps stay on it"),
            (2, "R1 pulls psi back to 0; the eigenvalues get a negative real part, and the modulus falls below 1"),
        ),
        Fact("modulus", "the modulus for simultaneous updates with a rate of 0.4", facts.modulus, within=0.0015),
    ),
    Question(
        "modes", 5,
        "D learns too slowly, and modes are lost. Explain step by step how this happens. A friend says that R1 fixes "
        "it, and shows one run. What do you answer, and which experiment would settle the question?",
        (
            (3, "G moves to where D(x) is highest; D lowers D(x) there too slowly; then all fakes move on together"),
            (1, "one run is not evidence: with other seeds, R1 helps only sometimes"),
            (1, "experiment: several seeds with and without R1, the number of modes counted in the same way"),
        ),
    ),
    Question(
        "mine", 6,
        '`fg.notebook.patient("mine")` is a training run that failed; your id determines which one. Examine it as you '
        "examined the six patients: curves, faces, one number. Name the failure, give your number and that of the "
        "healthy run, and rule out the most similar failure. Also pass `failure`, the name from the table.",
        (
            (2, "describes the curves and the faces before naming a failure"),
            (3, "a number that measures the failure, and the same number of the healthy run"),
            (2, "names the most similar other failure, and the observation that rules it out"),
            (1, "a treatment of the cause"),
        ),
        Fact("failure", "the name of the failure, as in the table", facts.failure),
    ),
    Question(
        "treatment", 6,
        "Choose one patient whose treatments you have run. Which treatment sounded right but did not help, and why? "
        "What would you try next, and what do you expect to see first if it works?",
        (
            (2, "names a treatment that did not help, and what the charts show"),
            (2, "says why: it treats a cause that this patient does not have"),
            (2, "a next treatment, and a first sign in curves, faces, or a number that can be checked"),
        ),
    ),
)  # fmt: skip

_TABLE = {found.name: found for found in _QUESTIONS}
