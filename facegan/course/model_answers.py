"""Model answers to the written questions, for instructors.

`facegan solutions` writes them with the rubrics. They are separate from the questions (`facegan.course.questions`), and
not shown in notebooks.
"""

MODEL_ANSWERS = {
    "missing": (
        "In CelebA children, old people and dark skin are rare, and so are faces that are not shown from the front; "
        "nobody in it is unknown. The drawn faces have all skin tones alike, but no hats, no side views, and nobody "
        "with a visible injury. One sees it by looking at a few hundred faces, or by counting labels. A generator is "
        "only rewarded for faces that D takes for real, so it makes rare faces rarely, and often drops them "
        "altogether. If such faces fill an advertisement or train a face detector, people who are missing are not "
        "shown, or are recognized worse. The brightness is an average over all pixels: a set of equally bright faces "
        "and one of half dark and half pale ones can have the same mean, and the background counts as well."
    ),
    "augment": (
        "I would shift the crop by a pixel or two, or make the image a little lighter or darker: the result is still "
        "a plausible photograph of a face. I would not turn images upside down or invert the colors. G learns the "
        "distribution that D is shown, so with the first change it also draws slightly shifted or darker faces, which "
        "does no harm, and with the second a part of its samples would be upside down or have blue skin."
    ),
    "parameters": (
        "The second convolution. It has 8w input and 4w output channels with kernels of 4 x 4, which is 512 w^2 "
        "parameters; the first one starts from only 100 channels, and from the second on each has a quarter of the "
        "one before. With the library's architecture and width 32 all layers have 1,100,224 parameters. If the width "
        "doubles, the second layer has four times as many, because both of its channel numbers double. The work of "
        "the middle layers also grows four times; that of the first and the last layer doubles, because only one side "
        "of them has w."
    ),
    "decisions": (
        "Kernel 4 with stride 2: with kernel 3 the stamps overlap unevenly, so pixels alternate between one and "
        "several contributions and an untrained G already shows a checkerboard. BatchNorm between the layers: without "
        "it the scale of the activations changes from layer to layer; in the picture of the spread by layer the signal "
        "vanishes, the image is gray or one flat color, and training starts slowly. Leaky ReLU in D: with plain ReLU "
        "no gradient passes where a unit is off, so G is told nothing about parts of the image. No BatchNorm in G's "
        "last layer: with it, mean and spread of each color are fixed over the batch, so G cannot choose how bright or "
        "how colorful its images are."
    ),
    "curves": (
        "In the first few hundred steps D(x) rises and D(G(z)) falls: D learns faster. Then both come closer and stay "
        "level, D(x) a little above one half and D(G(z)) a little below, with much noise. Both losses are level, too. "
        "Meanwhile blurred heads become faces with eyes and hair. So the curves hardly change while the faces get "
        "better. Losses do not fall to 0 because each is measured against the other network: when G improves, D's task "
        "gets harder. If D could not tell at all, its loss would be 2 log 2 = 1.39. Alarming would be D(G(z)) at 0 for "
        "long, curves that run apart, or faces that are all alike."
    ),
    "alternate": (
        "D learns to tell real faces from the fakes that G makes now. Once G has changed, D's answers about the new "
        "fakes are guesses, so D must be trained again. If D is trained to the end first, it is certain: its logits of "
        "fakes are far below 0. With log(1 - D) G's gradient is then nearly 0. With -log D the slope in the logit "
        "stays near 1, but D is so steep or so flat at the fakes that the direction says little about faces. And G "
        "would then only learn what fools this one D."
    ),
    "change": (
        "I halve D's learning rate, because in my run D(G(z)) was below 0.1 for the second half. I expect D(x) and "
        "D(G(z)) to come closer, G's loss to fall, and the faces to change more from snapshot to snapshot; the "
        "distance at equal steps should be lower by more than two seeds differ. If the curves come closer and the "
        "distance stays the same or grows, I was wrong: D was not what held G back. I would train both settings with "
        "two seeds for the same number of steps, and give the distances with their floor."
    ),
    "walk": (
        "The lengths fall to 7.1 half-way between two latents, so the friend goes in straight lines. They pass "
        "through the inside of the sphere, where G was not trained, and the contrast drops there. slerp between "
        "neighboring latents stays on the sphere. Stretching every point back to length 10 is nearly as good, but the "
        "frames then go faster in the middle of a leg. Test: all lengths are between those of the two ends, and the "
        "angle between neighboring frames is the same within a leg. `middle` is about 7.07."
    ),
    "attribute": (
        "For hair_volume the difference is large around the head, where hair replaces background, and nearly 0 at eyes "
        "and mouth. Besides that the background and the clothes differ a little in color, although they have nothing "
        "to do with hair: attributes are drawn independently, but among 150 faces they do not cancel out. A direction "
        "in latent space that comes from few faces has such differences in it, too, so moving along it changes other "
        "things as well. Four times as many faces make them half as large."
    ),
    "circle": (
        "G's best move depends on the sign of D's slope, and D's on the side that G is on. When G is on the right D "
        "tilts, then G runs to the left, then D tilts back. The arrows therefore run around (0, 0) and never point at "
        "it. Simultaneous steps leave the circle outwards, because both move along its tangent; alternating steps stay "
        "on it. R1 adds a pull of psi towards 0, so the arrows turn inwards and the path is a spiral that arrives. The "
        "imaginary eigenvalues get a negative real part, and the modulus falls below 1. Without R1 it is "
        "sqrt(1 + 0.4^2 / 4) = 1.0198 at a rate of 0.4."
    ),
    "modes": (
        "G moves its points to where D(x) is highest, which is one cluster. D sees that all fakes are there and should "
        "lower D(x) at this place, but it learns slowly. When it has done so, another cluster is rated highest, and "
        "all of G's points move on together, because one small change of G moves them all. So at any time few modes "
        "are covered. To the friend: in the notebook R1 helped in one of two runs, so one run proves nothing. I would "
        "train with and without R1, with ten seeds each, count modes by the same rule over the last frames, and "
        "compare the counts. More D steps or a slower G helped in both runs."
    ),
    "mine": (
        "It depends on the patient; those of exercises patient_1 to patient_6 are the models. For mode collapse: up "
        "to step 1,000 faces differ and the curves are level; then D(G(z)) swings, and each row shows one face ten "
        "times. The variety of the fakes is 0.15 times that of real faces, in the healthy run it is near 1. 'D is "
        "fooled' comes nearest, because D(G(z)) is above D(x) for a while, but there the fakes are static and D "
        "prefers them in most of the last 200 steps; here it does so in less than half of them. Treatment: as many "
        "steps for D as for G. Numbers of the others: D(x) and D(G(z)) for 'D has won', the ratio of gradient norms "
        "for 'no gradient reaches G', the share of steps for 'D is fooled', jumpiness for 'learning rate too high', "
        "r_v for 'D overfits'."
    ),
    "treatment": (
        "Patient 1: R1 and a slower D did not help, although D had won. In both charts D(x) still goes to 1 and "
        "D(G(z)) to 0, and there are no faces. The cause is G's learning rate, which is a thousand times too small: "
        "whatever D does, G does not move. The faster G helps. Next I would raise lr_g in steps of three and look at "
        "the fakes of the same latents: the first sign is that they change from snapshot to snapshot at all; then "
        "D(G(z)) leaves 0."
    ),
}
