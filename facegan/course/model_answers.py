"""Model answers to the written questions, for instructors.

`facegan solutions` writes them with the rubrics. They are separate from the questions (`facegan.course.questions`) and
are not shown in notebooks.
"""

MODEL_ANSWERS = {
    "missing": (
        "In CelebA, children, older people, and people with dark skin are rare, and so are faces not seen from the "
        "front; everyone in it is a celebrity. In the drawn faces, all skin tones are equally frequent, but there "
        "are no hats, no side views, and no visible injuries. To check this, look at a few hundred faces or count "
        "labels. A generator is rewarded only for faces that D classifies as real, so it makes rare faces rarely and "
        "often drops them altogether. If such faces are used in an advertisement or to train a face detector, people "
        "who are missing from the data are not shown or are recognized less reliably. The brightness is an average "
        "over all pixels: a set of equally bright faces and a set in which half are dark and half are pale can have "
        "the same mean, and the background counts as well."
    ),
    "augment": (
        "I would shift the crop by a pixel or two, or make the image slightly lighter or darker: the result is still "
        "a plausible photograph of a face. I would not turn images upside down or invert the colors. G learns the "
        "distribution that D is shown. With the first change, it also generates slightly shifted or darker faces, "
        "which is harmless; with the second, some of its samples would be upside down or have blue skin."
    ),
    "parameters": (
        "The second convolution. It has 8w input and 4w output channels with kernels of 4 x 4, which is 512 w^2 "
        "parameters. The first one has only 100 input channels, and each layer after the second has a quarter of the "
        "parameters of the layer before it, or fewer. With the library's architecture and width 32, all layers "
        "together have 1,100,224 parameters. If the width doubles, the second layer has four times as many, because "
        "both of its channel numbers double. The work of the middle layers also grows by a factor of 4; that of the "
        "first and the last layer doubles, because only one of their two channel numbers depends on w."
    ),
    "decisions": (
        "Kernel 4 with stride 2: with kernel 3, the stamps overlap unevenly, so some pixels get one contribution and "
        "their neighbors several, and even an untrained G shows a checkerboard. BatchNorm between the layers: without "
        "it, the scale of the activations changes from layer to layer; the plot of the standard deviation by layer "
        "shows that the signal vanishes, the image is gray or one flat color, and training starts slowly. Leaky ReLU "
        "in D: with plain ReLU, the gradient is 0 where a unit is off, so G learns nothing about parts of the image. "
        "No BatchNorm in G's last layer: with it, the mean and standard deviation of each color are fixed over the "
        "batch, so G cannot choose how bright or how colorful its images are."
    ),
    "curves": (
        "In the first few hundred steps, D(x) rises and D(G(z)) falls: D learns faster. Then they move closer "
        "together and stay level, D(x) a little above one half and D(G(z)) a little below, with much noise. Both "
        "losses are level, too. Meanwhile, blurred heads become faces with eyes and hair. So the curves hardly change "
        "while the faces improve. The losses do not fall to 0 because each is measured against the other network: "
        "when G improves, D's task gets harder. If D could not distinguish real from fake at all, its loss would be "
        "2 log 2 = 1.39. Warning signs would be D(G(z)) near 0 for a long time, curves that diverge, or faces that all "
        "look alike."
    ),
    "alternate": (
        "D learns to distinguish real faces from G's current fakes. Once G has changed, D's outputs for the new "
        "fakes are guesses, so D must be trained again. If D is trained to the end first, it is certain: its logits "
        "of fakes are far below 0. With log(1 - D), G's gradient is then nearly 0. With -log D, the slope with respect "
        "to the logit stays near 1, but D is so steep or so flat at the fakes that the direction says little about "
        "faces. In addition, G would learn only to fool this one D."
    ),
    "change": (
        "I halve D's learning rate, because in my run D(G(z)) was below 0.1 for the second half. I expect D(x) and "
        "D(G(z)) to move closer together, G's loss to fall, and the faces to change more from snapshot to snapshot. "
        "The distance at equal steps should decrease by more than the difference between two seeds. If the curves "
        "move closer together but the distance stays the same or grows, I was wrong: D did not hold G back. I would "
        "train both settings with two seeds for the same number of steps and report the distances with their floor."
    ),
    "walk": (
        "The lengths fall to 7.1 halfway between two latents, so the friend's walk follows straight lines. They pass "
        "through the inside of the sphere, where G was not trained, and the contrast is lower there. slerp between "
        "neighboring latents stays on the sphere. Scaling every point back to length 10 is nearly as good, but the "
        "frames then move faster in the middle of a leg. Test: every length is between the lengths of the two ends, "
        "and the angle between neighboring frames is the same within a leg. `middle` is about 7.07."
    ),
    "attribute": (
        "For hair_volume, the difference is large around the head, where hair replaces background, and nearly 0 at "
        "the eyes and the mouth. The background and the clothes also differ a little in color, although they have "
        "nothing to do with hair: attributes are drawn independently, but among 150 faces they do not cancel. A "
        "direction in latent space that is computed from few faces contains such differences, too, so moving along it "
        "also changes other things. With four times as many faces, they are half as large."
    ),
    "circle": (
        "G's best move depends on the sign of D's slope, and D's best move depends on G's side. When G is on the "
        "right, D tilts; then G moves to the left, and D tilts back. The arrows therefore circle around (0, 0) and "
        "never point at it. Simultaneous steps move outward, because both players move along the tangent of "
        "the circle; alternating steps stay on it. R1 pulls psi toward 0, so the arrows turn inward, and the path is "
        "a spiral that ends at (0, 0). The imaginary eigenvalues get a negative real part, and the modulus falls "
        "below 1. Without R1, it is sqrt(1 + 0.4^2 / 4) = 1.0198 at a rate of 0.4."
    ),
    "modes": (
        "G moves its points to where D(x) is highest, which is one cluster. D should then lower D(x) there, because "
        "all fakes are there, but it learns slowly. Once it has done so, D(x) is highest at another cluster, and all "
        "of G's points move there together, because one small change of G moves them all. So at any time, few modes "
        "are covered. My answer to the friend: in the notebook, R1 helped in one of two runs, so one run proves "
        "nothing. I would train with and without R1, with ten seeds each, count modes by the same rule over the last "
        "frames, and compare the counts. More D steps or a slower G helped in both runs."
    ),
    "mine": (
        "It depends on the patient; use the exercises patient_1 to patient_6 as models. For mode collapse: up to step "
        "1,000, the faces differ and the curves are level; then D(G(z)) oscillates, and each row shows the same face "
        "ten times. The variety of the fakes is 0.15 times that of real faces; in the healthy run, this ratio is near "
        "1. The most similar other failure is 'D is fooled', because D(G(z)) is above D(x) for a while. But there, the "
        "fakes are static, and D prefers them in most of the last 200 steps; here it does so in less than half of "
        "them. Treatment: as many steps for D as for G. Numbers for the other failures: D(x) and D(G(z)) for 'D has "
        "won', the ratio of gradient norms for 'no gradient reaches G', the fraction of steps for 'D is fooled', "
        "jumpiness for 'learning rate too high', r_v for 'D overfits'."
    ),
    "treatment": (
        "Patient 1: R1 and a slower D did not help, although D had won. In both charts, D(x) still goes to 1 and "
        "D(G(z)) to 0, and no faces appear. The cause is G's learning rate, which is a thousand times too small: "
        "whatever D does, G hardly changes. A faster G helps. Next, I would raise lr_g by factors of three and look at "
        "the fakes of the same latents. The first sign of success is that they change at all from snapshot to "
        "snapshot; then D(G(z)) rises above 0."
    ),
}
